package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"golang.org/x/sys/unix"
)

// fsType shows in mountinfo.
const fsType = "fuse." + helper.View

// serve mounts a served view on dir. The mount is made here and the server
// only inherits the connection, so that it needs no privilege of its own.
func serve(s spec.Spec, dir string) (err error) {
	path, err := helper.Find(helper.View)
	if err != nil {
		return err
	}
	conn, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening the FUSE device (it must be readable and writable for all users): %w", err)
	}
	defer conn.Close()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other,default_permissions,max_read=%d",
		conn.Fd(), os.Geteuid(), os.Getegid(), spec.MaxRead)
	if err := unix.Mount(helper.View, dir, fsType, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mounting a view on %q: %w", dir, err)
	}
	defer func() {
		if err != nil {
			_ = detach(dir)
		}
	}()
	return start(path, s, []*os.File{conn}) // descriptor 3
}

// start starts the server's program, with descriptors from 3 on, and waits until
// it has opened the layers.
func start(path string, s spec.Spec, files []*os.File, args ...string) error {
	if s.Timeout == 0 {
		s.Timeout = config.DefaultStartTimeout
	}
	if s.AnswerTimeout == 0 {
		s.AnswerTimeout = config.DefaultTimeout
	}
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the view's spec: %w", err)
	}
	answer, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting %q: %w", path, err)
	}
	defer answer.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(string(doc))
	cmd.Stdout = w
	cmd.ExtraFiles = files
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("starting %q: %w", path, err)
	}
	go func() { _ = cmd.Wait() }() // a caller that lives on must not collect zombies
	if err := ready(answer, s); err != nil {
		_ = cmd.Process.Kill()
		return err
	}
	return nil
}

// ready waits for the server's answer. A repository that hangs keeps only the
// server waiting.
func ready(answer *os.File, s spec.Spec) error {
	if err := answer.SetReadDeadline(time.Now().Add(s.Timeout)); err != nil {
		return fmt.Errorf("waiting for a view's server: %w", err)
	}
	line, err := io.ReadAll(io.LimitReader(answer, int64(len(spec.Ready))))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		what := fmt.Sprintf("layer %q", s.Layers[0].Path)
		if n := len(s.Layers); n > 1 {
			what = fmt.Sprintf("%d layers, %q first", n, s.Layers[0].Path)
		}
		return fmt.Errorf("opening %s: %w: %w after %s", what, cvmfs.ErrUnavailable, os.ErrDeadlineExceeded, s.Timeout)
	case err != nil:
		return fmt.Errorf("waiting for a view's server: %w", err)
	case string(line) == spec.Ready:
		return nil
	}
	rest, _ := io.ReadAll(io.LimitReader(answer, 4096))
	if len(line) == 0 {
		return errors.New("a view's server ended before it was ready")
	}
	return helper.ParseError(helper.View, append(line, rest...))
}

// detach takes the view out of sight, and its mount point away. An overlay that
// stacks it keeps it alive.
func detach(dir string) error {
	if err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmounting the view on %q: %w", dir, err)
	}
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("removing a view's mount point: %w", err)
	}
	_ = os.Remove(filepath.Dir(dir)) // unless others are in it
	return nil
}
