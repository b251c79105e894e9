package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// tracer runs a command. All its methods run on one thread.
type tracer struct {
	*watch
	kill   int
	alone  string // to be made when the first process was killed; empty: all are
	log    io.Writer
	points int
	shaped string // by the point before, and by whom

	first  int          // the command's first process
	known  map[int]bool // threads that have stopped once
	status int
}

func (t *tracer) run(command []string) (int, error) {
	cmd := exec.Command("/proc/self/exe", append([]string{tracedName}, command...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t.first = cmd.Process.Pid
	if err := t.follow(t.first); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD): // all have ended
			return t.status, nil
		case err != nil:
			return 0, fmt.Errorf("waiting for the command: %w", err)
		case status.Exited(), status.Signaled():
			delete(t.known, tid) // its number may become another's
			if tid == t.first {
				t.status = exitStatus(status)
				if err := t.ended(status); err != nil {
					return 0, err
				}
			}
		case status.Stopped():
			if err := t.stop(tid, status); err != nil && !errors.Is(err, unix.ESRCH) { // killed by another meanwhile
				return 0, err
			}
		}
	}
}

func exitStatus(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// follow waits for the command's first stop, after its exec.
func (t *tracer) follow(first int) error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(first, &status, unix.WALL, nil); err != nil {
		return err
	}
	t.known[first] = true
	if err := unix.PtraceSetOptions(first, unix.PTRACE_O_TRACESECCOMP|unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACEVFORK|
		unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEEXEC|unix.PTRACE_O_EXITKILL); err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	return unix.PtraceCont(first, 0)
}

// stop deals with one stop of one thread.
func (t *tracer) stop(tid int, status unix.WaitStatus) error {
	if t.alone == "" && t.kill > 0 && t.points >= t.kill {
		return unix.Kill(tid, unix.SIGKILL) // made while the others were killed
	}
	signal := 0
	if status.StopSignal() != unix.SIGTRAP {
		signal = int(status.StopSignal())
	}
	if !t.known[tid] {
		t.known[tid] = true
		signal = 0 // the SIGSTOP with which a new one starts
	}
	switch status.TrapCause() {
	case unix.PTRACE_EVENT_EXEC: // of any thread: it goes on under the number of its process
		if former, err := unix.PtraceGetEventMsg(tid); err == nil && int(former) != tid {
			delete(t.known, int(former))
		}
	case unix.PTRACE_EVENT_SECCOMP:
		reached, err := t.point(tid)
		if err != nil {
			return err
		}
		if reached && t.alone == "" {
			return t.end()
		}
		if reached {
			if err := unix.Kill(t.first, unix.SIGKILL); err != nil {
				return err
			}
		}
	}
	return unix.PtraceCont(tid, signal)
}

// point counts what a thread asks for, and says whether that is where to kill.
func (t *tracer) point(tid int) (bool, error) {
	s, err := stoppedAt(tid)
	if err != nil {
		return false, err
	}
	name := t.changed(s)
	if name == "" {
		return false, nil
	}
	group, comm := s.status()
	shaped := ""
	if calls[s.nr].shapes {
		shaped = group + name
	}
	if shaped != "" && shaped == t.shaped {
		return false, nil
	}
	t.shaped = shaped
	t.points++
	if _, err := fmt.Fprintf(t.log, "%d %s %s %q\n", t.points, comm, calls[s.nr].name, name); err != nil {
		return false, err
	}
	return t.points == t.kill, nil
}

// status is a thread's process, and the program that it runs.
func (s stopped) status() (group, program string) {
	text, _ := os.ReadFile(s.proc("status"))
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			group = strings.TrimSpace(value)
		}
	}
	exe, _ := os.Readlink(s.proc("exe"))
	return group, filepath.Base(exe)
}

// ended is told how the first process did.
func (t *tracer) ended(status unix.WaitStatus) error {
	if t.alone == "" || status.Signal() != unix.SIGKILL {
		return nil
	}
	return os.WriteFile(t.alone, nil, 0o644)
}

// end kills all. Whoever is not there any more has ended by itself.
func (t *tracer) end() error {
	for tid := range t.known {
		if err := unix.Kill(tid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("killing: %w", err)
		}
	}
	return nil
}
