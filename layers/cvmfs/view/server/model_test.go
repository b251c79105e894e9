package server

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A model of a view: the tree that comes out when the layers are applied to an
// empty directory one after the other, lowest first, as whoever extracts tars
// would. It shares no code with the view.

// item is a name as a layer holds it.
type item struct {
	mode  uint32 // as in st_mode
	rdev  int
	text  string           // contents, or a link's target
	names map[string]*item // of a directory
	links uint32           // names that a file has in its layer
}

func (i *item) is(kind uint32) bool { return i.mode&unix.S_IFMT == kind }

// whiteout says that the item is overlayfs's own form of a deletion.
func (i *item) whiteout() bool { return i.is(unix.S_IFCHR) && i.rdev == 0 }

// branch is a name of the tree. A directory has the metadata of the last layer
// that holds it.
type branch struct {
	*item
	names map[string]*branch
}

// applier applies layers. In one that is plain no name has a meaning.
type applier struct{ plain, noDevices bool }

// apply applies a layer's directory to one of the tree.
func (a applier) apply(to *branch, from *item, root bool) {
	to.item = from
	if _, opaque := from.names[".wh..wh..opq"]; opaque && !root && !a.plain {
		to.names = map[string]*branch{}
	}
	skip := map[string]bool{}
	for name := range from.names {
		target, deletes := a.deletes(name)
		if !deletes {
			continue
		}
		own := from.names[target]
		if own != nil && own.is(unix.S_IFDIR) && a.hollow(own) {
			skip[target] = true // deleted with what it holds: nothing but markers
		} else if own != nil && a.content(target, own) {
			continue // takes the place of what was deleted
		}
		delete(to.names, target)
	}
	for name, own := range from.names {
		switch {
		case skip[name]:
		case own.whiteout() && (a.plain || !strings.HasPrefix(name, ".wh.")):
			delete(to.names, name)
		case !a.content(name, own):
		case !own.is(unix.S_IFDIR):
			to.names[name] = &branch{item: own}
		default:
			if to.names[name] == nil || !to.names[name].is(unix.S_IFDIR) {
				to.names[name] = &branch{names: map[string]*branch{}}
			}
			a.apply(to.names[name], own, false)
		}
	}
}

// deletes gives the name that a whiteout deletes.
func (a applier) deletes(name string) (target string, ok bool) {
	target, ok = strings.CutPrefix(name, ".wh.")
	return target, ok && !a.plain && !strings.HasPrefix(target, ".wh.") && !slices.Contains([]string{"", ".", ".."}, target)
}

// content says whether a name becomes one of the tree.
func (a applier) content(name string, i *item) bool {
	device := i.is(unix.S_IFCHR) || i.is(unix.S_IFBLK)
	if i.whiteout() || device && a.noDevices {
		return false
	}
	marker := name == ".cvmfscatalog" || name == ".cvmfsautocatalog" || strings.HasPrefix(name, ".cvmfsbundle-")
	return a.plain || !strings.HasPrefix(name, ".wh.") && (!marker || i.is(unix.S_IFDIR))
}

// hollow says whether a directory holds markers and nothing else.
func (a applier) hollow(dir *item) bool {
	markers := false
	for name, i := range dir.names {
		switch {
		case strings.HasPrefix(name, ".wh."), i.whiteout():
			markers = true
		case i.is(unix.S_IFDIR):
			if !a.hollow(i) {
				return false
			}
			markers = true
		case a.content(name, i):
			return false
		}
	}
	return markers
}

// flatten applies layers, topmost first, to what is beneath them.
func flatten(layers, below []*item, noDevices bool) *branch {
	root := &branch{names: map[string]*branch{}}
	for i := len(below) - 1; i >= 0; i-- {
		applier{plain: true}.apply(root, below[i], true)
	}
	for i := len(layers) - 1; i >= 0; i-- {
		applier{noDevices: noDevices}.apply(root, layers[i], true)
	}
	return root
}

// sorted lists a directory.
func (e *branch) sorted() []string {
	names := make([]string, 0, len(e.names))
	for name := range e.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
