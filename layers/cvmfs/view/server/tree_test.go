package server

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
)

// A file of several names is one node for as long as the kernel knows any of
// them, in whatever order it forgets and looks up again.
func TestHardLinks(t *testing.T) {
	root := &node{mode: unix.S_IFDIR}
	table := newTable(root)
	st := &unix.Stat_t{Mode: unix.S_IFREG | 0o644, Nlink: 2, Ino: 7}
	names := listing{children: []child{{Child: merge.Child{Name: "a"}}, {Child: merge.Child{Name: "b"}}}}
	root.listing.Store(&names)
	a, b := &names.children[0], &names.children[1]

	first, _ := table.enter(root, a, st, true)
	if again, _ := table.enter(root, b, st, true); again != first {
		t.Fatal("two names, two nodes")
	}
	if table.forget(first.id, 1) != nil || table.forget(first.id, 1) != first {
		t.Fatal("forgotten after the wrong number of look-ups")
	}
	second, _ := table.enter(root, a, st, true)
	if second == first || second.id == first.id {
		t.Fatal("a forgotten node came back")
	}
	if again, _ := table.enter(root, b, st, true); again != second {
		t.Error("two names, two nodes, after the first was forgotten")
	}
	if table.forget(second.id, 2) != second {
		t.Error("not forgotten")
	}
	if len(table.links) != 0 || len(table.nodes) != 1 {
		t.Errorf("left are %d links and %d nodes", len(table.links), len(table.nodes))
	}
}

func TestFDCacheKeepsOne(t *testing.T) {
	for _, limit := range []int{-5, 0, 1} {
		cache := newFDCache(limit)
		for layer := range 3 {
			e, err := cache.get(fdKey{layer: layer}, func() (int, int64, error) {
				fd, err := unix.Open("/", unix.O_PATH, 0)
				return fd, 0, err
			})
			if err != nil {
				t.Fatal(err)
			}
			cache.put(e)
		}
		if n := cache.order.Len(); n != 1 {
			t.Errorf("with a limit of %d, %d descriptors are kept", limit, n)
		}
	}
}
