package server

import (
	"encoding/binary"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// slow is when a request has taken so long that somebody looks after it.
const slow = time.Second

// killable is the longest that an answer may take once the program that waits got a
// signal, from the signal on. podman waits 5 s for a container to go that it has killed.
const killable = 3 * time.Second

// bounded is a View that does not wait for its repository without end where that
// is worse than an error. While a container starts, podman holds locks, and with
// them those who list containers. And who is to be killed cannot be while the
// kernel waits for an answer: it would stay, and its container and job with it.
type bounded struct {
	*View
	slow  time.Duration
	since time.Time
	start time.Duration // how long a start may last, and wait for one answer
	kill  time.Duration // how long an answer may take once its program got a signal

	mu     sync.Mutex
	gaveUp time.Time // when a start had waited for too long

	// reply answers a request of the kernel's in the place of the one that is
	// at it. The kernel takes the first answer, and no further one.
	reply func(unique uint64, errno unix.Errno)
	// gone says that the kernel has dropped the connection, and exit ends the process:
	// it would wait for what is under way.
	gone func() bool
	exit func()
}

// newBounded bounds the answers to what comes from the FUSE connection fd.
func newBounded(v *View, fd int) *bounded {
	return &bounded{
		View: v, slow: slow, since: time.Now(), start: v.Timeout, kill: min(v.AnswerTimeout, killable),
		reply: func(unique uint64, errno unix.Errno) {
			b := make([]byte, 0, 16) // struct fuse_out_header, linux/fuse.h
			b = binary.NativeEndian.AppendUint32(b, uint32(cap(b)))
			b = binary.NativeEndian.AppendUint32(b, uint32(-int32(errno)))
			b = binary.NativeEndian.AppendUint64(b, unique)
			_, _ = unix.Write(fd, b) // who asked may have gone, or been answered this moment
		},
		gone: func() bool { return dropped(fd) },
		exit: func() { os.Exit(0) },
	}
}

// dropped says whether the kernel has dropped the FUSE connection fd.
func dropped(fd int) bool {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC) // poll and epoll_wait are not among the calls that are left
	if err != nil {
		return false
	}
	defer unix.Close(poll)
	var event unix.EpollEvent // none is asked for: an error is told all the same
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return false
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(poll), uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
	return errno == 0 && n == 1 && event.Events&unix.EPOLLERR != 0
}

// request is one of the kernel's, for which the repository may have to be asked.
type request struct {
	*bounded
	unique uint64
	signal <-chan struct{} // closed when the program that waits got one
	begun  time.Time
	timer  *time.Timer

	mu       sync.Mutex
	done     chan struct{} // once it is watched: closed at its end
	over     bool
	answered bool // in its place
}

func (b *bounded) begin(signal <-chan struct{}, h *fuse.InHeader) *request {
	r := &request{bounded: b, unique: h.Unique, signal: signal, begun: time.Now()}
	r.timer = time.AfterFunc(b.slow, r.watch)
	return r
}

// watch looks after a request that is slow, until its end.
func (r *request) watch() {
	r.mu.Lock()
	if r.over {
		r.mu.Unlock()
		return
	}
	r.done = make(chan struct{})
	r.mu.Unlock()
	tick := time.NewTicker(r.slow)
	defer tick.Stop()
	answered, signal, kill := false, r.signal, (<-chan time.Time)(nil)
	for {
		if r.gone() {
			r.exit()
		}
		if !answered && r.late(time.Now()) {
			answered = r.answer(unix.EIO)
		}
		select {
		case <-r.done:
			return
		case <-signal:
			signal = nil
			kill = time.After(r.kill - r.slow) // it may have come when nobody looked yet
		case <-kill:
			answered = r.answer(unix.EINTR)
		case <-tick.C:
		}
	}
}

// answer answers in the place of whoever is at the request, once.
func (r *request) answer(errno unix.Errno) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over && !r.answered {
		r.answered = true
		r.reply(r.unique, errno)
	}
	return true
}

// late says whether a start has waited for too long. What it asks then, as who
// cleans up does or the kernel that tries again, it does not wait for anew.
func (r *request) late(now time.Time) bool {
	b := r.bounded
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.gaveUp.IsZero() && r.begun.Sub(b.gaveUp) < b.start:
		return now.Sub(r.begun) >= b.slow
	case r.begun.Sub(b.since) < b.start && now.Sub(r.begun) >= b.start:
		b.gaveUp = now
		return true
	}
	return false
}

// end says whether the request is still to be answered.
func (r *request) end() bool {
	if r.timer.Stop() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over && r.done != nil {
		close(r.done)
	}
	r.over = true
	return !r.answered
}

// Lookup is View's. A name that the kernel was not told of is not one that it will forget.
func (b *bounded) Lookup(signal <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	r := b.begin(signal, h)
	status := b.View.Lookup(signal, h, name, out)
	if !r.end() && status.Ok() && out.NodeId != 0 {
		b.Forget(out.NodeId, 1)
	}
	return status
}

// GetAttr is View's.
func (b *bounded) GetAttr(signal <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	defer b.begin(signal, &in.InHeader).end()
	return b.View.GetAttr(signal, in, out)
}

// Readlink is View's.
func (b *bounded) Readlink(signal <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	defer b.begin(signal, h).end()
	return b.View.Readlink(signal, h)
}

// Read is View's.
func (b *bounded) Read(signal <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	defer b.begin(signal, &in.InHeader).end()
	return b.View.Read(signal, in, buf)
}

// ReadDir is View's.
func (b *bounded) ReadDir(signal <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	defer b.begin(signal, &in.InHeader).end()
	return b.View.ReadDir(signal, in, out)
}

// ReadDirPlus is View's. What the kernel was not told of is not what it will forget.
func (b *bounded) ReadDirPlus(signal <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	r := b.begin(signal, &in.InHeader)
	known, status := b.readdirplus(in, out)
	if !r.end() {
		for _, id := range known {
			b.Forget(id, 1)
		}
	}
	return status
}

// GetXAttr is View's.
func (b *bounded) GetXAttr(signal <-chan struct{}, h *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	defer b.begin(signal, h).end()
	return b.View.GetXAttr(signal, h, attr, dest)
}

// ListXAttr is View's.
func (b *bounded) ListXAttr(signal <-chan struct{}, h *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	defer b.begin(signal, h).end()
	return b.View.ListXAttr(signal, h, dest)
}
