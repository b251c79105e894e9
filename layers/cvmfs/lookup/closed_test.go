package lookup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// asNobody calls f on a thread of an account that owns nothing, which is the real one
// too: that is what access(2) asks about.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test needs root, to become somebody else")
	}
	const nobody = 65534
	done := make(chan unix.Errno)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		_, _, err1 := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		_, _, err2 := unix.RawSyscall(unix.SYS_SETRESGID, nobody, nobody, nobody)
		_, _, err3 := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody)
		errno := max(err1, err2, err3)
		if errno == 0 {
			f()
		}
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Fatal(errno)
	}
}

// open lets everybody reach what lies below a test's directory.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// A layer of which something at the top is closed is not used, and what is closed is
// named. It does not make the repository unavailable for others.
func TestLookClosed(t *testing.T) {
	for _, tc := range []struct {
		name   string
		make   func(layerfs string) error
		closed string // what the error ends with, "" for none
	}{
		{"the layer itself", func(l string) error { return os.Chmod(l, 0o700) }, "permission denied"},
		{"the layer itself cannot be listed", func(l string) error { return os.Chmod(l, 0o711) }, "permission denied"},
		{"the directory above it", func(l string) error { return os.Chmod(filepath.Dir(l), 0o750) }, "permission denied"},
		{"a directory", mode("etc", 0o750, true), "/etc (mode 0750)"},
		{"a directory that is a service's", mode("app", 0o700, true), "/app (mode 0700)"},
		{"a directory that can be searched, not listed", mode("srv", 0o711, true), "/srv (mode 0711)"},
		{"a directory that can be listed, not searched", mode("srv", 0o744, true), "/srv (mode 0744)"},
		{"a sticky directory", mode("tmp", 0o1770, true), "/tmp (mode 1770)"},
		{"a file", mode("entrypoint.sh", 0o700, false), "/entrypoint.sh (mode 0700)"},
		{"a program to be executed only", mode("init", 0o4711, false), "/init (mode 4711)"},
		{"a directory called as a file that is tolerated", mode("homes", 0o700, true), "/homes (mode 0700)"},
		{"a file called root", mode("root", 0o600, false), "/root (mode 0600)"},
		{"an odd name", mode("a\nb", 0o700, true), `"/a\nb" (mode 0700)`},
		{"more than a line holds", func(l string) error {
			return errors.Join(mode("a", 0, true)(l), mode("b", 0, true)(l), mode("c", 0, true)(l), mode("d", 0, true)(l))
		}, ", …"},

		{"nothing", func(string) error { return nil }, ""},
		{"open ones", func(l string) error { return errors.Join(mode("etc", 0o755, true)(l), mode("x", 0o444, false)(l)) }, ""},
		{"root's home", mode("root", 0o700, true), ""},
		{"what mkfs makes", mode("lost+found", 0o700, true), ""},
		{"what is mounted on", func(l string) error {
			return errors.Join(mode("proc", 0, true)(l), mode("sys", 0o500, true)(l), mode("dev", 0o700, true)(l))
		}, ""},
		{"what is below the top", func(l string) error {
			return errors.Join(mode("etc", 0o755, true)(l), mode("etc/shadow", 0o600, false)(l), mode("etc/ssl", 0o700, true)(l))
		}, ""},
		{"markers", func(l string) error {
			return errors.Join(mode(".wh.etc", 0, false)(l), mode(".wh..wh.plnk", 0o700, true)(l), mode(".cvmfscatalog", 0o600, false)(l))
		}, ""},
		{"an empty file", func(l string) error {
			path := filepath.Join(l, ".autorelabel")
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Chmod(path, 0))
		}, ""},
		{"links", func(l string) error { return os.Symlink("/root/closed", filepath.Join(l, "etc")) }, ""},
		{"a FIFO", func(l string) error { return unix.Mkfifo(filepath.Join(l, "fifo"), 0o600) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := repo(t)
			layerfs := publish(t, root, "")
			open(t, layerfs)
			if err := tc.make(layerfs); err != nil {
				t.Fatal(err)
			}
			var a answer
			asNobody(t, func() { a = look(root, layerA, diffA) })
			if tc.closed == "" {
				if a.err != nil || a.layer.Path != layerfs {
					t.Errorf("got %+v, want the layer", a)
				}
				return
			}
			if !errors.Is(a.err, cvmfs.ErrClosed) || errors.Is(a.err, cvmfs.ErrUnavailable) || errors.Is(a.err, cvmfs.ErrLayerUnknown) {
				t.Fatalf("got %v, want the layer closed and no more", a.err)
			}
			if !strings.HasSuffix(a.err.Error(), tc.closed) {
				t.Errorf("%q does not end with %q", a.err, tc.closed)
			}
			if want := filepath.Dir(layerfs); a.directory != want {
				t.Errorf("the answer is about %q, want %q alone", a.directory, want)
			}
		})
	}
}

// mode makes a directory or a file of these permissions.
func mode(name string, mode uint32, dir bool) func(string) error {
	return func(layerfs string) error {
		path := filepath.Join(layerfs, name)
		if dir {
			return errors.Join(os.Mkdir(path, 0o755), unix.Chmod(path, mode))
		}
		return errors.Join(os.WriteFile(path, []byte("x"), 0o644), unix.Chmod(path, mode))
	}
}

// A repository may have open what another has closed. If none has, the caller is
// told, and Warn is not.
func TestFindClosed(t *testing.T) {
	closed, other := repo(t), repo(t)
	f := New([]string{closed, other}, time.Minute)
	warned := warnings(f)
	ask := func(r *repository, err error, path string) {
		answers := answer{err: err}
		answers.layer.Path = path
		if err != nil {
			answers.directory = "/closed"
		}
		r.put = func(_, _ digest.Digest) <-chan answer {
			ch := make(chan answer, 1)
			ch <- answers
			return ch
		}
	}
	ask(f.repositories[0], cvmfs.ErrClosed, "")
	ask(f.repositories[1], nil, "/open")
	if got, err := f.Find(context.Background(), layerA, diffA); err != nil || got.Path != "/open" {
		t.Errorf("got %+v, %v, want the other repository's", got, err)
	}
	for _, tc := range []struct{ other, want error }{
		{cvmfs.ErrLayerUnknown, cvmfs.ErrClosed}, {cvmfs.ErrClosed, cvmfs.ErrClosed}, {cvmfs.ErrUnavailable, cvmfs.ErrUnavailable},
	} {
		ask(f.repositories[1], tc.other, "")
		if _, err := f.Find(context.Background(), layerA, diffA); !errors.Is(err, tc.want) || errors.Is(err, cvmfs.ErrLayerUnknown) {
			t.Errorf("the other says %v: got %v, want %v", tc.other, err, tc.want)
		}
	}
	if len(*warned) != 1 { // of the outage
		t.Errorf("want one warning, got %q", *warned)
	}
}
