//go:build linux

package view

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// Look waits until what is mounted on root answers, with an error or without, in a
// process that can be left behind. The server of a view may have been stopped
// (SIGSTOP), as a scheduler does with all processes of a job that it suspends: who
// looks into the mount then cannot be killed. servers are named in the error, which
// is os.ErrDeadlineExceeded.
func Look(root string, servers []Server, timeout time.Duration) error {
	path, err := helper.Find(helper.View)
	if errors.Is(err, os.ErrNotExist) {
		return nil // there are direct views alone
	}
	p := &process{}
	if err == nil {
		err = p.run(path, spec.Look, root)
	}
	if err != nil {
		return err
	}
	defer p.end()
	if err := p.answer.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return fmt.Errorf("waiting for %q: %w", root, err)
	}
	if _, err := p.answer.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	_ = p.cmd.Process.Kill() // which it may not take before there is an answer
	for _, s := range servers {
		if s.Stopped() {
			return fmt.Errorf("looking into %q: the process that serves it, %d (%s), is stopped (`kill -CONT %d` lets it go on): %w after %s",
				root, s.PID, helper.View, s.PID, os.ErrDeadlineExceeded, timeout)
		}
	}
	return fmt.Errorf("looking into %q: %w after %s", root, os.ErrDeadlineExceeded, timeout)
}
