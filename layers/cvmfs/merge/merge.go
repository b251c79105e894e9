// Package merge says what a directory of a stack of layers holds: which layer
// gives each name, and what the stack deletes of anything beneath it. It is
// pure: listings in, listing out, so that its rules are tested without a file
// system.
//
// The rules are those of the OCI image layer specification: a whiteout or an
// opaque marker deletes what lower layers hold and never what its own layer
// holds; a directory merges with directories of the same name below it until
// something else of that name, a whiteout or an opaque marker ends the stack.
// A layer that has both a whiteout and an entry of one name means what it
// means to an ordinary pull (containers/storage, pkg/archive): the entry takes
// the whiteout's place, so that a directory merges; but a directory that is
// there for the markers in it only (Hollow) was deleted with all it held.
package merge

import (
	"slices"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// Type is what a raw listing says of a name.
type Type uint8

const (
	// Other is anything that is not a directory: it hides what lower layers hold of its name.
	Other Type = iota
	// Dir is a directory: it merges with directories of its name in lower layers.
	Dir
	// Deleted is a 0:0 character device, overlayfs's own form of a whiteout.
	Deleted
	// Hollow is a directory that holds markers and nothing else, as some tools
	// write for "rm -r foo": .wh.foo and foo/.wh.bar.
	Hollow
)

// Entry is one name of one layer's directory.
type Entry struct {
	Name string
	Type Type
	Stat
}

// Stat is what a listing knows of a name besides its type; it is handed
// through to the Child that the name becomes.
type Stat struct {
	Ino   uint64
	DType uint8 // DT_REG and so on, as getdents(2) gives it
}

// Listing is what one layer's directory holds. Names are unique, "." and ".." absent.
type Listing struct {
	Layer   int // caller's number of the layer
	Entries []Entry
	// Overlay says that the layer is in overlayfs's form: no name deletes.
	Overlay bool
	// Plain says that no name marks a catalogue: the layer is in no repository.
	Plain bool
	// Opaque is overlayfs's own form of an opaque marker.
	Opaque bool
}

// Deletes gives the names that a layer's directory deletes in lower ones and
// holds a directory of itself: which of these are Hollow makes a difference.
func Deletes(entries []Entry) (both []int) {
	var deleted map[string]bool
	for _, e := range entries {
		if kind, target, _ := whiteout.Parse(e.Name); kind == whiteout.Whiteout {
			if deleted == nil {
				deleted = map[string]bool{}
			}
			deleted[target] = true
		}
	}
	for i, e := range entries {
		if e.Type == Dir && deleted[e.Name] {
			both = append(both, i)
		}
	}
	return both
}

// Child is one name of the merged directory.
type Child struct {
	Name string
	Type Type
	// Layer gives the name its content; of a merged directory, its metadata.
	// For Deleted it is the layer that deletes.
	Layer int
	// Lower are the layers whose directories of this name merge beneath Layer, topmost first.
	Lower []int
	// Opaque directories hide what is beneath the whole stack.
	Opaque bool
	Stat
}

// Directory merges listings, topmost first. Children are sorted by name. Names
// that the stack only deletes are among them, as Deleted. opaque says that
// nothing beneath the stack shows in this directory.
func Directory(listings []Listing) (children []Child, opaque bool) {
	most := 0
	for _, l := range listings {
		most = max(most, len(l.Entries))
	}
	m := merger{children: make([]Child, 0, most), index: make(map[string]int, most), open: map[string]bool{}}
	for _, l := range listings {
		if opaque = m.layer(l); opaque {
			break
		}
	}
	for i := range m.children {
		c := &m.children[i]
		c.Opaque = c.Type == Dir && !m.open[c.Name]
	}
	slices.SortFunc(m.children, func(a, b Child) int { return strings.Compare(a.Name, b.Name) })
	return m.children, opaque
}

type merger struct {
	children []Child
	index    map[string]int  // name to children
	open     map[string]bool // directories that still merge with lower layers
}

// layer adds the next lower layer and says whether it hides all below it.
func (m *merger) layer(l Listing) (opaque bool) {
	var deleted, hollow []string
	opaque = l.Opaque
	for _, e := range l.Entries {
		kind, target := whiteout.Entry, ""
		if !l.Overlay {
			// A name that deletes nothing valid is a marker all the same: it is not shown. Nor does it matter what has the
			// name, if only a device.
			kind, target, _ = whiteout.Parse(e.Name)
		}
		switch {
		case kind == whiteout.Opaque:
			opaque = true
		case kind == whiteout.Whiteout:
			deleted = append(deleted, target)
		case kind == whiteout.Internal:
		case e.Type == Deleted:
			deleted = append(deleted, e.Name)
		case e.Type == Hollow:
			hollow = append(hollow, e.Name)
		case l.Plain || e.Type == Dir || !cvmfs.IsMarker(e.Name):
			m.add(l.Layer, e)
		}
	}
	for _, name := range append(deleted, hollow...) {
		m.remove(l.Layer, name)
	}
	return opaque
}

// remove deletes a name in the layers below, unless this layer holds it.
func (m *merger) remove(layer int, name string) {
	i, known := m.index[name]
	if !known {
		m.index[name] = len(m.children)
		m.children = append(m.children, Child{Name: name, Type: Deleted, Layer: layer})
		return
	}
	if !m.children[i].in(layer) {
		delete(m.open, name)
	}
}

// in says whether a layer gives the name or merges into it. Layers are added
// from the top, so that the last one is the one to ask for.
func (c *Child) in(layer int) bool {
	if n := len(c.Lower); n > 0 {
		return c.Lower[n-1] == layer
	}
	return c.Layer == layer && c.Type != Deleted
}

func (m *merger) add(layer int, e Entry) {
	i, known := m.index[e.Name]
	switch {
	case !known:
		m.index[e.Name] = len(m.children)
		m.children = append(m.children, Child{Name: e.Name, Type: e.Type, Layer: layer, Stat: e.Stat})
		if e.Type == Dir {
			m.open[e.Name] = true
		}
	case !m.open[e.Name], m.children[i].in(layer): // a listing that is damaged may have a name twice
	case e.Type == Dir:
		m.children[i].Lower = append(m.children[i].Lower, layer)
	default:
		delete(m.open, e.Name)
	}
}
