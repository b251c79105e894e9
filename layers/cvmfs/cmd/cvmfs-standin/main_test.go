package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin"
)

// The tests run the command for real, in processes of its own: this binary is
// the command when asCommand is set.
const asCommand = "CVMFS_STANDIN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	if err := capable(); err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: the stand-in's tests mount for real: %v\n", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func capable() error {
	if os.Geteuid() != 0 {
		return errors.New("run them as root")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// Two layers, by the hexadecimal digits of their digests.
var (
	hexA = strings.Repeat("a", 64)
	hexB = strings.Repeat("b", 64)
	dirA = ".layers/aa/" + hexA
	dirB = ".layers/bb/" + hexB
)

// nobody is the plain user of the tests.
const nobody = 65534

// mounted is a stand-in at work.
type mounted struct {
	t               *testing.T
	dir, tree, root string
	socket          string
	pid             int
}

// mount publishes a tree of two equal layers and mounts it.
func mount(t *testing.T, flags ...string) *mounted {
	t.Helper()
	m := &mounted{t: t, dir: scratch(t)}
	m.tree, m.root = filepath.Join(m.dir, "tree"), filepath.Join(m.dir, "mnt")
	m.socket = filepath.Join(m.dir, "ctl")
	layer(t, filepath.Join(m.tree, dirA, "layerfs"))
	layer(t, filepath.Join(m.tree, dirB, "layerfs"))
	must(t, os.Mkdir(m.root, 0o755))
	m.start(flags...)
	return m
}

func (m *mounted) start(flags ...string) {
	m.t.Helper()
	pidFile := filepath.Join(m.dir, "pid")
	args := append([]string{"mount", "--background", "--control", m.socket, "--pid-file", pidFile}, flags...)
	out, err := run(append(args, m.tree, m.root)...)
	if err != nil {
		m.t.Fatalf("mount: %v\n%s", err, out)
	}
	b, err := os.ReadFile(pidFile)
	must(m.t, err)
	m.pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
	must(m.t, err)
	m.t.Cleanup(func() {
		// SIGKILL, then the mount: nothing that hangs outlives that.
		_ = unix.Kill(m.pid, unix.SIGKILL)
		for unix.Unmount(m.root, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
		}
	})
}

func (m *mounted) path(name string) string { return filepath.Join(m.root, name) }

func (m *mounted) ctl(args ...string) string {
	m.t.Helper()
	out, err := standin.Control(m.socket, args)
	if err != nil {
		m.t.Fatalf("ctl %q: %v", args, err)
	}
	return out
}

// layer fills a layer directory with one of each that matters.
func layer(t *testing.T, dir string) {
	t.Helper()
	for name, mode := range map[string]os.FileMode{"etc": 0o755, "root": 0o700, "group": 0o750, "dev": 0o755, "usr": 0o755} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	for name, mode := range map[string]os.FileMode{
		"etc/hello": 0o644, "etc/shadow": 0o640, "etc/private": 0o600, "root/inside": 0o644, "group/inside": 0o644,
		"usr/tool": 0o755, ".cvmfscatalog": 0o664, "etc/.wh.gone": 0o644,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("content of "+name+"\n"), 0o644))
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	must(t, os.Chmod(filepath.Join(dir, "usr/tool"), 0o755|os.ModeSetuid))
	must(t, os.Link(filepath.Join(dir, "etc/hello"), filepath.Join(dir, "etc/hard")))
	must(t, os.Symlink("/opt/$(STANDIN_SITE)/$(STANDIN_NONE:-default)/x", filepath.Join(dir, "etc/variable")))
	must(t, os.Symlink("hello", filepath.Join(dir, "etc/plain")))
	must(t, unix.Mknod(filepath.Join(dir, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(t, unix.Mkfifo(filepath.Join(dir, "dev/fifo"), 0o644))
	must(t, unix.Mknod(filepath.Join(dir, "dev/whiteout"), unix.S_IFCHR|0o644, 0))
	stamp := time.Unix(1_600_000_000, 123_456_789)
	must(t, os.Chtimes(filepath.Join(dir, "etc/hello"), stamp, stamp))
}

// scratch is a directory that a plain user can reach.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "standin-test-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return dir
}

// run is the command line, as a user would type it.
func run(args ...string) (string, error) {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "STANDIN_SITE=site")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// asNobody runs a program as a plain user.
func asNobody(args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErrno(t *testing.T, what string, err error, want unix.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// within fails the test if f takes longer than limit; f may hang for ever.
func within(t *testing.T, limit time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s: no answer within %v", what, limit)
	}
}
