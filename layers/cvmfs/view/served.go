//go:build linux

package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// fsType shows in mountinfo.
const fsType = "fuse." + helper.View

// serve mounts a served view. The mount is made here and the server only inherits
// the connection, so that it needs no privilege of its own.
func serve(s spec.Spec, at *Mountpoint) error {
	path, err := helper.Find(helper.View)
	if err != nil {
		return err
	}
	if w := kept.take(s); w != nil {
		err := w.serve(s, at)
		w.close()
		if !errors.Is(err, errEnded) {
			return err
		}
	}
	p := &process{}
	if p.conn, err = connect(); err != nil {
		return err
	}
	defer p.close()
	if err := p.run(path); err != nil {
		return err
	}
	return p.serve(s, at)
}

// serve mounts the process's connection, and tells it what to serve.
func (p *process) serve(s spec.Spec, at *Mountpoint) error {
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other,default_permissions,max_read=%d",
		p.conn.Fd(), os.Geteuid(), os.Getegid(), spec.MaxRead)
	if err := unix.Mount(helper.View, at.Dir, fsType, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mounting a view on %q: %w", at.Dir, err)
	}
	at.mounted = true
	if err := p.tell(s); err != nil {
		_ = unix.Unmount(at.Dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		at.mounted = false
		return err
	}
	at.Server = p.cmd.Process.Pid
	return nil
}

// connect opens a connection to FUSE, which is to be mounted.
func connect() (*os.File, error) {
	conn, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the FUSE device (it must be readable and writable for all users): %w", err)
	}
	return conn, nil
}

// process is one of the server's program, which answers each spec that it is told.
type process struct {
	conn   *os.File // descriptor 3; may be nil where nothing is to be served
	cmd    *exec.Cmd
	in     *os.File
	answer *os.File
}

// errEnded says that there is no process any more.
var errEnded = errors.New("a view's server ended before it was ready")

// run starts the program.
func (p *process) run(path string, args ...string) error {
	in, answer, err := []*os.File{nil, nil}, []*os.File{nil, nil}, error(nil)
	if in[0], in[1], err = os.Pipe(); err != nil {
		return fmt.Errorf("starting %q: %w", path, err)
	}
	defer in[0].Close()
	if answer[0], answer[1], err = os.Pipe(); err != nil {
		in[1].Close()
		return fmt.Errorf("starting %q: %w", path, err)
	}
	defer answer[1].Close()
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout = in[0], answer[1]
	cmd.ExtraFiles = []*os.File{p.conn} // without one, descriptor 3 is closed, whatever it is here
	cmd.Dir, cmd.Env = "/", helper.Environment()
	pidfd := -1
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd}
	if err := cmd.Start(); err != nil {
		in[1].Close()
		answer[0].Close()
		return fmt.Errorf("starting %q: %w", path, err)
	}
	reap(cmd, pidfd)
	p.cmd, p.in, p.answer = cmd, in[1], answer[0]
	return nil
}

// tell tells the process a spec and waits for its answer. After an error the
// process is ended; the error is errEnded where there was none to answer.
func (p *process) tell(s spec.Spec) (err error) {
	defer func() {
		if err != nil {
			_ = p.cmd.Process.Kill()
		}
	}()
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
	deadline := time.Now().Add(s.Timeout)
	if err := errors.Join(p.in.SetWriteDeadline(deadline), p.answer.SetReadDeadline(deadline)); err != nil {
		return fmt.Errorf("waiting for a view's server: %w", err)
	}
	if _, err := p.in.Write(doc); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, unix.EPIPE) {
		return fmt.Errorf("telling a view's server: %w", err)
	}
	return ready(p.answer, s)
}

// end lets the process go: one that serves stays, one that waits ends.
func (p *process) end() {
	if p.cmd != nil {
		p.in.Close()
		p.answer.Close()
	}
}

// close lets all go.
func (p *process) close() {
	p.end()
	if p.conn != nil {
		p.conn.Close()
	}
}

// ready waits for the server's answer, until the deadline. A repository that hangs
// keeps only the server waiting.
func ready(answer *os.File, s spec.Spec) error {
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
		return errEnded
	}
	return helper.ParseError(helper.View, append(line, rest...))
}
