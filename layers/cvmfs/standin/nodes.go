package standin

import (
	"path"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is what the kernel calls an inode: a path, as long as the same thing is
// there. A file that was replaced gets a new node, so that pages cached for the
// old one are never shown for it.
type node struct {
	id    uint64
	path  string
	layer *tally // nil outside of layers

	// Below: guarded by nodes.mu.
	lookups uint64 // how many the kernel will forget
	is      likeness
	shown   fuse.Attr // as last shown
	removed time.Time // when a revision took it away; zero while it is there
}

// likeness tells one thing at a path from its successor. Directories are the
// same whatever they hold: a layer published again is the same layer.
type likeness struct {
	mode, rdev  uint64
	size, mtime int64
}

func likenessOf(st *unix.Stat_t) likeness {
	kind := uint64(st.Mode & unix.S_IFMT)
	if kind == unix.S_IFDIR {
		return likeness{mode: kind}
	}
	return likeness{mode: kind, rdev: st.Rdev, size: st.Size, mtime: st.Mtim.Nano()}
}

// name is an entry in a directory, as the kernel is told to forget it.
type name struct {
	dir  uint64
	base string
}

// nodes are those that the kernel knows.
type nodes struct {
	mu     sync.Mutex
	last   uint64
	byID   map[uint64]*node
	byPath map[string]*node
}

func newNodes(root *node) *nodes {
	root.id = fuse.FUSE_ROOT_ID
	return &nodes{
		last:   root.id,
		byID:   map[uint64]*node{root.id: root},
		byPath: map[string]*node{root.path: root},
	}
}

func (t *nodes) get(id uint64) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// found is the node for what a look-up met, one look-up more.
func (t *nodes) found(at string, st *unix.Stat_t, attr fuse.Attr, layer func(string) *tally) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byPath[at]
	if is := likenessOf(st); n == nil || n.is != is || !n.removed.IsZero() {
		t.last++
		n = &node{id: t.last, path: at, layer: layer(at), is: is}
		t.byID[n.id], t.byPath[at] = n, n
	}
	n.lookups++
	n.shown = attr
	return n
}

func (t *nodes) forget(id, lookups uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[id]
	if n == nil || id == fuse.FUSE_ROOT_ID {
		return
	}
	if n.lookups -= min(lookups, n.lookups); n.lookups > 0 {
		return
	}
	delete(t.byID, id)
	if t.byPath[n.path] == n {
		delete(t.byPath, n.path)
	}
}

// show records attributes and returns them.
func (t *nodes) show(n *node, attr fuse.Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.shown = attr
}

// fate of a node: when it was removed (zero: it is there), and its attributes
// as last shown.
func (t *nodes) fate(n *node) (removed time.Time, shown fuse.Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return n.removed, n.shown
}

// number is the inode number that the node at a path was shown with; 0 for none.
func (t *nodes) number(path string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byPath[path]; n != nil {
		return n.shown.Ino
	}
	return 0
}

// mark notes which nodes a new revision has not. The first time counts. What
// was published again is a new thing, and the old one stays gone; only a
// rollback has it again.
func (t *nodes) mark(when time.Time, gone func(*node) bool, rollback bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.byID {
		switch is := gone(n); {
		case !is && rollback:
			n.removed = time.Time{}
		case !is:
		case n.removed.IsZero():
			n.removed = when
		}
	}
}

// beneath is what the kernel has to drop after a change at top: inodes, and
// names. It goes on believing in the names in a removed directory until they
// run out, as it does with the client.
func (t *nodes) beneath(top string) (inodes []uint64, names []name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, n := range t.byID {
		if !beneath(n.path, top) {
			continue
		}
		inodes = append(inodes, id)
		if dir := t.byPath[parent(n.path)]; n.path != "" && dir != nil && dir.removed.IsZero() {
			names = append(names, name{dir.id, path.Base(n.path)})
		}
	}
	return inodes, names
}
