package standin

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func alive() bool { return false }

func hang(f *faults) { f.hang(requests{op: opAll}) }

// A wait ends by its switch or with the mount, never by an interrupt alone.
func TestWaitEnds(t *testing.T) {
	for _, c := range []struct {
		name        string
		hold        func(*faults)
		interrupted bool
		dead        bool
		release     func(*faults)
		want        unix.Errno
	}{
		{"hang, unhang", hang, false, false, (*faults).unhang, 0},
		{"hang, clear", hang, false, false, (*faults).clear, 0},
		{"hang, interrupted, unhang", hang, true, false, (*faults).unhang, 0},
		{"hang, the mount is gone", hang, true, true, func(*faults) {}, unix.EINTR},
		{"delay, clear", func(f *faults) { f.addDelay(delay{requests{op: opAll}, time.Hour}) }, true, false, (*faults).clear, 0},
		{"delay, the mount is gone", func(f *faults) { f.addDelay(delay{requests{op: opRead}, time.Hour}) }, true, true, func(*faults) {}, unix.EINTR},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFaults()
			c.hold(f)
			cancel := make(chan struct{})
			if c.interrupted {
				close(cancel)
			}
			ended := make(chan unix.Errno, 1)
			go func() { ended <- f.wait(opRead, "x", cancel, func() bool { return c.dead }) }()
			if !c.dead {
				select {
				case <-ended:
					t.Fatal("did not wait")
				case <-time.After(250 * time.Millisecond):
				}
			}
			c.release(f)
			select {
			case got := <-ended:
				if got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("waits for ever")
			}
		})
	}
}

func TestDelaysAddUp(t *testing.T) {
	f := newFaults()
	f.addDelay(delay{requests{op: opAll}, 50 * time.Millisecond})
	f.addDelay(delay{requests{op: opOpen}, 50 * time.Millisecond})
	f.addDelay(delay{requests{op: opRead}, time.Hour})
	start := time.Now()
	if errno := f.wait(opOpen, "x", nil, alive); errno != 0 {
		t.Errorf("got %v", errno)
	}
	if took := time.Since(start); took < 100*time.Millisecond || took > 2*time.Second {
		t.Errorf("took %v, want 100ms", took)
	}
}

// What befalls some requests leaves the others alone.
func TestFaultsOfSome(t *testing.T) {
	all := []requests{{opOpen, "a/b"}, {opOpen, "a/b/c"}, {opOpen, "a/bc"}, {opOpen, ""}, {opRead, "a/b"}}
	for name, c := range map[string]struct {
		strike func(*faults, requests)
		which  requests
		want   []bool // of all
	}{
		"hang":   {(*faults).hang, requests{opOpen, "a/b"}, []bool{true, true, false, false, false}},
		"delay":  {func(f *faults, r requests) { f.addDelay(delay{r, time.Hour}) }, requests{opOpen, "a/b"}, []bool{true, true, false, false, false}},
		"fault":  {func(f *faults, r requests) { f.addFault(fault{r, unix.EINTR}) }, requests{opAll, "a/b"}, []bool{true, true, false, false, true}},
		"a kind": {func(f *faults, r requests) { f.addFault(fault{r, unix.EINTR}) }, requests{op: opOpen}, []bool{true, true, true, true, false}},
	} {
		f := newFaults()
		c.strike(f, c.which)
		gone := make(chan struct{})
		close(gone)
		for i, r := range all {
			// Whoever waits is told, of a mount that has ended.
			met := f.wait(r.op, r.prefix, gone, func() bool { return true }) == unix.EINTR
			if met != c.want[i] {
				t.Errorf("%s of %v: %v %q meets it: %v", name, c.which, r.op, r.prefix, met)
			}
		}
	}
}
