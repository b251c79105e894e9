package view

import (
	"syscall"
	"testing"
)

// The ids that stand for what is not mapped need not be the same for users and groups.
func TestUnmapped(t *testing.T) {
	for _, tc := range []struct {
		uid, gid uint32
		want     bool
	}{{0, 0, false}, {100, 0, true}, {0, 200, true}, {200, 100, false}, {65534, 65534, false}} {
		if got := unmapped(&syscall.Stat_t{Uid: tc.uid, Gid: tc.gid}, 100, 200); got != tc.want {
			t.Errorf("%d:%d is not mapped: %v", tc.uid, tc.gid, got)
		}
	}
}
