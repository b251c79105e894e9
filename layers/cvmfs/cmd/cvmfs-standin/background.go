package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// The server in the background finds its parent's pipe as descriptor 3, says
// so in its environment, and writes readyWord or an error.
const (
	readyVariable = "_CVMFS_STANDIN_READY"
	readyWord     = "ready"
)

// readyPipe is the pipe to the process that waits for the mount, nil if none does.
func readyPipe() *os.File {
	if os.Getenv(readyVariable) == "" {
		return nil
	}
	_ = os.Unsetenv(readyVariable) // not for our own children
	unix.CloseOnExec(3)
	return os.NewFile(3, "ready")
}

// background runs this very command again, in a session of its own, and
// returns when its mount answers.
func background(logFile string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd, err := detached(os.Args[1:]...)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	cmd.Env = append(os.Environ(), readyVariable+"=1")
	cmd.ExtraFiles = []*os.File{w}
	if logFile != "" {
		log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return errors.Join(fmt.Errorf("opening log file: %w", err), w.Close())
		}
		defer log.Close()
		cmd.Stderr = log
	}
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return fmt.Errorf("starting server: %w", err)
	}
	said, err := io.ReadAll(r)
	switch {
	case err != nil:
		return fmt.Errorf("waiting for the mount: %w", err)
	case string(said) == readyWord:
		return cmd.Process.Release()
	case len(said) > 0:
		_ = cmd.Wait() // failed, as it said
		return errors.New(string(said))
	default:
		return fmt.Errorf("server ended before its mount answered: %w", cmd.Wait())
	}
}

// detached prepares a child that outlives its caller: its own session, no
// standard streams, and none of the descriptors that the caller happens to
// hold, so that nobody who reads them waits for it.
func detached(args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding own executable: %w", err)
	}
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // since Linux 5.11; older ones inherit
	cmd := exec.Command(self, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}
