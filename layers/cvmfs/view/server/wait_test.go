package server

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A request that waits for a repository is answered in its place, at a start or
// after a signal, and not else; and only once.
func TestBounded(t *testing.T) {
	const soon, never = 20 * time.Millisecond, time.Hour
	for _, c := range []struct {
		name        string
		age         time.Duration // of the view
		start, kill time.Duration
		signal      bool
		gaveUp      time.Duration // so long ago
		want        unix.Errno    // 0 for none
	}{
		{"start", 0, soon, never, false, 0, unix.EIO},
		{"signal", 0, never, soon, true, 0, unix.EINTR},
		{"no signal", 0, never, soon, false, 0, 0},
		{"within the time", 0, never, never, true, 0, 0},
		{"after the start", 2 * time.Minute, soon, never, false, 0, 0},
		{"signal after the start", 2 * time.Minute, soon, soon, true, 0, unix.EINTR},
		{"after a start that was given up", 2 * time.Minute, time.Minute, never, false, 10 * time.Second, unix.EIO},
		{"long after it", 4 * time.Minute, time.Minute, never, false, 2 * time.Minute, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			layer := layerDirectory(t, "layer")
			must(t, os.WriteFile(filepath.Join(layer, "f"), nil, 0o644))
			v := viewOf(t, layer)
			b := newBounded(v, -1)
			b.slow, b.since, b.start, b.kill = time.Millisecond, time.Now().Add(-c.age), c.start, c.kill
			if c.gaveUp != 0 {
				b.gaveUp = time.Now().Add(-c.gaveUp)
			}
			b.gone = func() bool { return false }
			replies := make(chan unix.Errno, 2)
			b.reply = func(unique uint64, errno unix.Errno) {
				if unique != 7 {
					t.Errorf("request %d is answered, want 7", unique)
				}
				replies <- errno
			}
			signal := make(chan struct{})
			if c.signal {
				close(signal)
			}
			v.root.reading.Lock() // as another request does that the repository keeps waiting
			status := make(chan fuse.Status)
			go func() {
				var out fuse.EntryOut
				status <- b.Lookup(signal, &fuse.InHeader{Unique: 7, NodeId: fuse.FUSE_ROOT_ID}, "f", &out)
			}()
			if c.want != 0 {
				if got := <-replies; got != c.want {
					t.Errorf("the answer is %v, want %v", got, c.want)
				}
			} else {
				time.Sleep(5 * soon)
			}
			v.root.reading.Unlock()
			if got := <-status; got != fuse.OK {
				t.Errorf("once the repository answers: %v", got)
			}
			select {
			case got := <-replies:
				t.Errorf("answered once more: %v", got)
			case <-time.After(soon):
			}
			known := 2 // the root and the file
			if c.want != 0 {
				known = 1
			}
			if n := len(v.table.nodes); n != known {
				t.Errorf("the kernel knows %d nodes, want %d", n, known)
			}
		})
	}
}

// What goes to the kernel in the place of an answer is one.
func TestReply(t *testing.T) {
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	newBounded(viewOf(t, layerDirectory(t, "layer")), fds[1]).reply(1<<40, unix.EINTR)
	buf := make([]byte, 100)
	n, err := unix.Read(fds[0], buf)
	must(t, err)
	var out fuse.OutHeader
	must(t, binary.Read(bytes.NewReader(buf[:n]), binary.NativeEndian, &out))
	if want := (fuse.OutHeader{Length: uint32(n), Status: -int32(unix.EINTR), Unique: 1 << 40}); out != want {
		t.Errorf("%+v, want %+v", out, want)
	}
}

// A connection that the kernel has dropped is known as such. A request that is under
// way then does not keep the process.
func TestDropped(t *testing.T) {
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	defer unix.Close(fds[1])
	b := newBounded(viewOf(t, layerDirectory(t, "layer")), fds[1])
	if b.gone() {
		t.Error("a connection counts as dropped")
	}
	exited := make(chan bool)
	b.slow, b.exit = time.Millisecond, sync.OnceFunc(func() { close(exited) })
	b.root.reading.Lock() // as another request does that the repository keeps waiting
	ended := make(chan bool)
	go func() {
		var out fuse.EntryOut
		b.Lookup(make(chan struct{}), &fuse.InHeader{Unique: 7, NodeId: fuse.FUSE_ROOT_ID}, "f", &out)
		close(ended)
	}()
	must(t, unix.Close(fds[0])) // a pipe that nobody reads gives the same event
	<-exited
	b.root.reading.Unlock()
	<-ended
}

// However long the configuration lets a program wait, one that podman has killed is
// gone before podman gives up.
func TestKillable(t *testing.T) {
	for _, c := range []struct{ configured, want time.Duration }{
		{0, 0}, {time.Second, time.Second}, {10 * time.Second, 3 * time.Second}, {time.Hour, 3 * time.Second},
	} {
		v := viewOf(t, layerDirectory(t, "layer"))
		v.AnswerTimeout = c.configured
		if got := newBounded(v, -1).kill; got != c.want {
			t.Errorf("timeout = %s: %s after a signal, want %s", c.configured, got, c.want)
		}
	}
}
