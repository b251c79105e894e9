package standin

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// requests are those of one kind, or all, for what is at or beneath prefix.
type requests struct {
	op     operation
	prefix string
}

func (r requests) have(op operation, name string) bool {
	return (r.op == opAll || r.op == op) && beneath(name, r.prefix)
}

// fault fails the requests that it has; delay holds them back.
type fault struct {
	requests
	errno unix.Errno
}

type delay struct {
	requests
	how time.Duration
}

// faults are the switches for what goes wrong, thrown and cleared at run time.
// A request is held by hang, then by delay, then failed: so "delay 21s open"
// with "fault EIO open" is a client that has lost its servers.
type faults struct {
	mu      sync.Mutex
	list    []fault
	delays  []delay
	hung    chan struct{} // closed by unhang; nil when nothing hangs
	hangs   requests
	cleared chan struct{} // closed by clear: wakes the delayed
}

func newFaults() *faults { return &faults{cleared: make(chan struct{})} }

func (f *faults) addFault(x fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, x)
}

func (f *faults) addDelay(d delay) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delays = append(f.delays, d)
}

func (f *faults) hang(which requests) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = which
	if f.hung == nil {
		f.hung = make(chan struct{})
	}
}

func (f *faults) unhang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hung != nil {
		close(f.hung)
		f.hung = nil
	}
}

func (f *faults) hanging() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hung != nil
}

// clear ends all faults; requests that are held go on.
func (f *faults) clear() {
	f.unhang()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list, f.delays = nil, nil
	close(f.cleared)
	f.cleared = make(chan struct{})
}

// wait lets a request go on, with the error it is to fail with, if any. Neither
// hang nor delay answers a request because its caller was interrupted: the
// client doesn't either, and callers must be seen to cope. Only the end of the
// mount, asked for by dead once cancel is closed, ends the wait.
func (f *faults) wait(op operation, name string, cancel <-chan struct{}, dead func() bool) unix.Errno {
	f.mu.Lock()
	hung, cleared, which := f.hung, f.cleared, f.hangs
	f.mu.Unlock()
	if hung != nil && which.have(op, name) && !hold(hung, nil, cancel, dead) {
		return unix.EINTR
	}

	f.mu.Lock()
	var sleep time.Duration
	for _, d := range f.delays {
		if d.have(op, name) {
			sleep += d.how
		}
	}
	f.mu.Unlock()
	if sleep > 0 {
		timer := time.NewTimer(sleep)
		defer timer.Stop()
		if !hold(cleared, timer.C, cancel, dead) {
			return unix.EINTR
		}
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.list {
		if x.have(op, name) {
			return x.errno
		}
	}
	return 0
}

// hold waits for release or timer; false says that the mount has ended.
func hold(release <-chan struct{}, timer <-chan time.Time, cancel <-chan struct{}, dead func() bool) bool {
	var check <-chan time.Time
	for {
		select {
		case <-release:
			return true
		case <-timer:
			return true
		case <-cancel:
			cancel = nil
			ticker := time.NewTicker(100 * time.Millisecond)
			defer ticker.Stop()
			check = ticker.C
		case <-check:
			if dead() {
				return false
			}
		}
	}
}
