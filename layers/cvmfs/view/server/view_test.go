package server

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Inode numbers leave room for overlayfs's own bits, and stay apart.
func TestIno(t *testing.T) {
	v := &View{layers: []*layer{{stat: unix.Stat_t{Dev: 1}}, {stat: unix.Stat_t{Dev: 2}}}}
	seen := map[uint64]bool{}
	for l := range v.layers {
		for _, ino := range []uint64{1, 2, 1 << 32, 1<<53 - 1, 1 << 53, 1<<54 - 1, 1 << 54, 1<<64 - 1} {
			got := v.ino(l, ino)
			if got == 0 || got >= 1<<inoBits {
				t.Errorf("%#x of layer %d is shown as %#x", ino, l, got)
			}
			if small := l == 0 && ino < 1<<53; small != (got == ino) {
				t.Errorf("%#x of layer %d is shown as %#x", ino, l, got)
			}
			if seen[got] {
				t.Errorf("%#x of layer %d is shown as %#x, like another", ino, l, got)
			}
			if seen[got] = true; got != v.ino(l, ino) {
				t.Errorf("%#x is shown in two ways", ino)
			}
		}
	}
}
