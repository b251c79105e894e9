package standin

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func alive() bool { return false }

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
		{"hang, unhang", (*faults).hang, false, false, (*faults).unhang, 0},
		{"hang, clear", (*faults).hang, false, false, (*faults).clear, 0},
		{"hang, interrupted, unhang", (*faults).hang, true, false, (*faults).unhang, 0},
		{"hang, the mount is gone", (*faults).hang, true, true, func(*faults) {}, unix.EINTR},
		{"delay, clear", func(f *faults) { f.addDelay(delay{opAll, time.Hour}) }, true, false, (*faults).clear, 0},
		{"delay, the mount is gone", func(f *faults) { f.addDelay(delay{opRead, time.Hour}) }, true, true, func(*faults) {}, unix.EINTR},
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
	f.addDelay(delay{opAll, 50 * time.Millisecond})
	f.addDelay(delay{opOpen, 50 * time.Millisecond})
	f.addDelay(delay{opRead, time.Hour})
	start := time.Now()
	if errno := f.wait(opOpen, "x", nil, alive); errno != 0 {
		t.Errorf("got %v", errno)
	}
	if took := time.Since(start); took < 100*time.Millisecond || took > 2*time.Second {
		t.Errorf("took %v, want 100ms", took)
	}
}
