package server

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
)

// node is a name of the merged tree that the kernel knows.
type node struct {
	id     uint64
	parent *node // of a forgotten directory too: paths stay good
	name   string
	mode   uint32 // S_IFMT bits
	state  state  // of a directory
	layer  int    // gives the content; of a directory, the metadata
	lower  []int  // further layers of a directory, topmost first
	sealed bool   // a directory in which nothing beneath the view shows

	access atomic.Int32 // of a file: see View.closed

	refs uint64   // the kernel's look-ups, guarded by table.mu; 0 once forgotten
	link *linkKey // of a file with several names

	reading sync.Mutex // one reader of the listing at a time
	listing atomic.Pointer[listing]
}

// state is what is known of those who list a directory (see View.likely): bits.
type state struct{ bits atomic.Uint32 }

const (
	asked  = 1 << iota // names have been looked up in it
	plus               // it is listed with attributes
	sample             // it was listed without, and no file has been looked up in it since
)

func (s *state) has(bit uint32) bool { return s.bits.Load()&bit != 0 }

// set sets or clears a bit, and says whether that changed it.
func (s *state) set(bit uint32, on bool) bool {
	for {
		old := s.bits.Load()
		changed := old | bit
		if !on {
			changed = old &^ bit
		}
		if changed == old {
			return false
		}
		if s.bits.CompareAndSwap(old, changed) {
			return true
		}
	}
}

// listing is what a directory holds, sorted by name. A repository's content
// does not change under a revision, so it is read once.
type listing struct {
	ino      uint64 // of the directory itself
	children []child
	opaque   bool
}

type child struct {
	merge.Child
	node *node // guarded by table.mu; nil while the kernel does not know the name
}

func (l *listing) find(name string) *child {
	i := sort.Search(len(l.children), func(i int) bool { return l.children[i].Name >= name })
	if i < len(l.children) && l.children[i].Name == name {
		return &l.children[i]
	}
	return nil
}

func (n *node) isDir() bool { return n.mode == unix.S_IFDIR }

// seals says that nothing beneath the view shows in the directory's children.
func (n *node) seals() bool {
	l := n.listing.Load()
	return n.sealed || l != nil && l.opaque
}

// layers are those that a directory merges, topmost first.
func (n *node) layers() []int { return append([]int{n.layer}, n.lower...) }

// table maps the kernel's node ids to nodes. An id is never given twice.
type table struct {
	mu    sync.Mutex
	next  uint64
	nodes map[uint64]*node
	links map[linkKey]*node // files of more than one name
}

// linkKey names an inode that has several names in its layer.
type linkKey struct {
	layer int
	ino   uint64
}

func newTable(root *node) *table {
	root.id, root.refs = fuse.FUSE_ROOT_ID, 1
	return &table{
		next:  fuse.FUSE_ROOT_ID + 1,
		nodes: map[uint64]*node{root.id: root},
		links: map[linkKey]*node{},
	}
}

func (t *table) get(id uint64) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[id]
}

// enter counts one look-up of c, a child of parent with metadata st, and gives its
// node, and whether this is the first look-up of it. Files with one inode number are
// one node if links says that the number can be relied on.
func (t *table) enter(parent *node, c *child, st *unix.Stat_t, links bool) (n *node, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = c.node
	key := linkKey{c.Layer, st.Ino}
	hard := links && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 1
	if hard && (n == nil || n.refs == 0) {
		n = t.links[key]
	}
	if n == nil || n.refs == 0 {
		n = &node{
			id: t.next, parent: parent, name: c.Name, mode: st.Mode & unix.S_IFMT,
			layer: c.Layer, lower: c.Lower, sealed: c.Opaque || parent.seals(),
		}
		t.next++
		t.nodes[n.id] = n
		if hard {
			n.link = &key
			t.links[key] = n
		}
	}
	c.node = n
	n.refs++
	return n, n.refs == 1
}

// forget takes look-ups back, and gives the node if these were the last.
func (t *table) forget(id, lookups uint64) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[id]
	if n == nil || n.parent == nil {
		return nil
	}
	if n.refs > lookups {
		n.refs -= lookups
		return nil
	}
	n.refs = 0
	delete(t.nodes, id)
	if n.link != nil && t.links[*n.link] == n {
		delete(t.links, *n.link)
	}
	if l := n.parent.listing.Load(); l != nil {
		if c := l.find(n.name); c != nil && c.node == n {
			c.node = nil
		}
	}
	return n
}

// parentIno is what a directory's ".." is listed with.
func (n *node) parentIno() uint64 {
	above := n.parent
	if above == nil {
		above = n
	}
	if l := above.listing.Load(); l != nil { // it was listed when n was looked up
		return l.ino
	}
	return 0
}

// list gives a directory's listing, reading it at first use.
func (v *View) list(n *node) (*listing, error) {
	if l := n.listing.Load(); l != nil {
		return l, nil
	}
	n.reading.Lock()
	defer n.reading.Unlock()
	if l := n.listing.Load(); l != nil {
		return l, nil
	}
	layers := n.layers()
	raw, room := make([]merge.Listing, len(layers)), newRoom(v.maxNames)
	i, err := sideBySide(len(layers), func(i int) (err error) {
		raw[i], err = v.readDir(n, layers[i], room)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing %q of layer %q: %w", n.name, v.layers[layers[i]].Path, err)
	}
	children, opaque := merge.Directory(raw)
	ino, err := v.dirIno(n)
	if err != nil {
		return nil, err
	}
	l := &listing{ino: ino, children: make([]child, 0, len(children)), opaque: opaque}
	deletes := v.deletes(n)
	for _, c := range children {
		if c.Type != merge.Deleted || !opaque && deletes(c.Name) {
			l.children = append(l.children, child{Child: c})
		}
	}
	n.listing.Store(l)
	return l, nil
}
