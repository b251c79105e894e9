package server

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Behind a CVMFS client a name keeps its number, whatever the client says; a
// listing and a look-up give the same; other names have others.
func TestMadeNumbers(t *testing.T) {
	v := &View{layers: []*layer{{magic: true, stat: unix.Stat_t{Dev: 1}}, {stat: unix.Stat_t{Dev: 1}}}}
	v.layers[0].Path = "/cvmfs/a/.layers/ab/abcd/layerfs"
	root := &node{mode: unix.S_IFDIR}
	root.listing.Store(&listing{ino: v.rootNumber()})
	seen := map[uint64]string{v.rootNumber(): "/"}
	for _, dir := range []string{"", "d", "e"} {
		parent := root
		if dir != "" {
			parent = &node{parent: root, name: dir, mode: unix.S_IFDIR}
			parent.listing.Store(&listing{ino: v.number(parent, 1)})
		}
		for _, name := range []string{"a", "b", "ab", "\x00"} {
			n := &node{parent: parent, name: name}
			got := v.number(n, 5)
			if got < 1<<(inoBits-1) || got >= 1<<inoBits {
				t.Errorf("%s/%s has the number %#x", dir, name, got)
			}
			if other := seen[got]; other != "" {
				t.Errorf("%s/%s has the number of %s", dir, name, other)
			}
			seen[got] = dir + "/" + name
			if listed := v.childNumber(parent.listing.Load().ino, name, 0, 6); listed != got || v.number(n, 7) != got {
				t.Errorf("%s/%s is listed as %#x and looked up as %#x, %#x", dir, name, listed, got, v.number(n, 7))
			}
		}
	}
	if got := v.number(&node{parent: root, name: "local", layer: 1}, 42); got != 42 {
		t.Errorf("a file of an ordinary layer has the number %d", got)
	}
}

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
