package server

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Who asks a question while it is being asked shares its answer, also an error: the
// repository is not asked once for each file that a program opens.
func TestCheckIsShared(t *testing.T) {
	for _, want := range []error{nil, errors.New("gone")} {
		var c check
		start := time.Now().Add(-time.Minute)
		begun := time.Since(start)
		asked, release, entered := 0, make(chan struct{}), make(chan struct{})
		ask := func() error {
			asked++
			close(entered)
			<-release
			return want
		}
		errs := make(chan error, 1)
		go func() { errs <- c.since(start, begun, ask) }()
		<-entered
		var all sync.WaitGroup
		for range 50 {
			all.Add(1)
			go func() {
				defer all.Done()
				if err := c.since(start, begun, func() error { return want }); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}()
		}
		close(release)
		all.Wait()
		if err := <-errs; !errors.Is(err, want) || asked != 1 {
			t.Errorf("got %v, asked %d times", err, asked)
		}
		again := false
		_ = c.since(start, begun, func() error { again = true; return nil })
		if again == (want == nil) {
			t.Errorf("after %v, asked once more: %v", want, again)
		}
		if again = false; c.since(start, time.Since(start), func() error { again = true; return nil }) != nil || !again {
			t.Error("a yes from before counts")
		}
	}
}

// What a read fails of reaches the program, where there is an error for it.
func TestReadErrors(t *testing.T) {
	for errno, want := range map[unix.Errno]unix.Errno{
		unix.ENOSPC: unix.ENOSPC, unix.EACCES: unix.EACCES, unix.EPERM: unix.EACCES, unix.EMFILE: unix.EMFILE, unix.ENOMEM: unix.ENOMEM,
		unix.EIO: unix.EIO, unix.ENOENT: unix.EIO, unix.ESTALE: unix.EIO, unix.ENOTCONN: unix.EIO,
	} {
		failing := file("text")
		failing.reads = fuse.Status(errno)
		v := viewOf(t, serveLies(t, directory(map[string]*lie{"name": failing})))
		out, _ := lookUp(v, fuse.FUSE_ROOT_ID, "name")
		if _, got := readFile(v, out.NodeId); got != fuse.Status(want) {
			t.Errorf("a repository's %v is %v, want %v", errno, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	if hash := strings.Repeat("0123456789", 6) + "-rmd160"; short(hash) != hash {
		t.Errorf("a hash is cut to %q", short(hash))
	}
	if got := short(strings.Repeat("x", 3900)); len(got) > 110 {
		t.Errorf("%d bytes", len(got))
	}
}
