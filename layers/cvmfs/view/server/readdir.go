package server

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
)

// plusTime is for how long a listing gives attributes that nobody has asked for yet,
// from a repository that answers slowly.
const plusTime = 20 * time.Millisecond

// plusDirs is how many directories of a walk come with attributes until one comes
// without.
const plusDirs = 8

// ReadDir lists names, from the request's offset: 0 and 1 are "." and "..",
// the rest counts the listing.
func (v *View) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return v.readdir(in, func(e fuse.DirEntry, _ *node, _ *child) bool { return out.AddDirEntry(e) })
}

// ReadDirPlus lists names, and makes them known with their attributes where these
// are likely to be asked for next (see likely).
func (v *View) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	_, status := v.readdirplus(in, out)
	return status
}

// readdirplus is ReadDirPlus, and gives the nodes that it has made known.
func (v *View) readdirplus(in *fuse.ReadIn, out *fuse.DirEntryList) (known []uint64, status fuse.Status) {
	if n := v.table.get(in.NodeId); n != nil && in.Offset == 0 {
		n.state.set(plus, v.likely(n))
	}
	var begun time.Time
	status = v.readdir(in, func(e fuse.DirEntry, n *node, c *child) bool {
		entry := out.AddDirLookupEntry(e)
		if entry == nil {
			return false
		}
		if begun.IsZero() { // the listing itself has been read by now
			begun = time.Now()
		}
		if time.Since(begun) > v.plusTime {
			n.state.set(plus, false) // for the rest of the listing, too
		}
		switch {
		case c == nil || !n.state.has(plus):
		case v.enterListed(n, c, entry):
			known = append(known, entry.NodeId)
		default:
			*entry = fuse.EntryOut{} // whoever asks for the name gets the rest, or the error
		}
		return true
	})
	return known, status
}

// likely says whether who lists a directory now will ask for attributes of what is
// in it. One that has looked for names there looks for more of them, as an
// interpreter does for its modules. One that asked for files of a directory after
// it had listed it goes on so, as ls -lR or tar do: the next ones come with
// attributes, and every few one without, to see whether it still does.
func (v *View) likely(n *node) bool {
	if n.state.has(asked) || v.walk.Add(-1) >= 0 {
		return true
	}
	v.walk.Store(0)
	n.state.set(sample, true)
	return false
}

// noticed takes a look-up of c in a directory for what likely goes by.
func (v *View) noticed(n *node, c *child) {
	n.state.set(asked, true)
	if c != nil && c.Type != merge.Dir && n.state.set(sample, false) {
		v.walk.Store(plusDirs)
	}
}

// readdir gives to add what a directory holds, with nil for "." and "..", until it says no.
func (v *View) readdir(in *fuse.ReadIn, add func(fuse.DirEntry, *node, *child) bool) fuse.Status {
	n := v.table.get(in.NodeId)
	if n == nil || !n.isDir() {
		return fuse.Status(unix.ESTALE)
	}
	l, err := v.list(n)
	if err != nil {
		return status(err)
	}
	for off := in.Offset; off < uint64(len(l.children)+2); off++ {
		e := fuse.DirEntry{Mode: fuse.S_IFDIR, Name: ".", Ino: l.ino, Off: off + 1}
		var c *child
		switch off {
		case 0:
		case 1:
			e.Name, e.Ino = "..", n.parentIno()
		default:
			c = &l.children[off-2]
			e.Name, e.Ino, e.Mode = c.Name, v.childNumber(l.ino, c.Name, c.Layer, c.Ino), uint32(c.DType)<<12
			if c.Type == merge.Deleted {
				e.Mode = unix.S_IFCHR
			}
		}
		if !add(e, n, c) {
			break
		}
	}
	return fuse.OK
}
