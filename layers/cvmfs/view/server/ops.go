package server

import (
	"math"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
)

// capNoOpendirSupport is FUSE_NO_OPENDIR_SUPPORT (Linux 5.1), which go-fuse does not name.
const capNoOpendirSupport = 1 << 24

// plusTime is for how long a listing gives attributes that nobody has asked for yet,
// from a repository that answers slowly.
const plusTime = 20 * time.Millisecond

// plusDirs is how many directories of a walk come with attributes until one comes
// without.
const plusDirs = 8

// Lookup answers for a name; an absent one as a negative entry, which the kernel keeps.
func (v *View) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent := v.table.get(h.NodeId)
	if parent == nil || !parent.isDir() {
		return fuse.Status(unix.ESTALE)
	}
	l, err := v.list(parent)
	if err != nil {
		return status(err)
	}
	out.SetEntryTimeout(forever)
	c := l.find(name)
	v.noticed(parent, c)
	if c == nil {
		return fuse.OK
	}
	return v.enter(parent, c, out)
}

// enter makes c known to the kernel.
func (v *View) enter(parent *node, c *child, out *fuse.EntryOut) fuse.Status {
	var st unix.Stat_t
	n, err := v.know(parent, c, &st)
	if err != nil {
		return status(err)
	}
	v.attr(n, &st, &out.Attr)
	out.NodeId, out.Generation = n.id, v.generation
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
	return fuse.OK
}

// know counts one look-up of c, and gives its node and metadata.
func (v *View) know(parent *node, c *child, st *unix.Stat_t) (*node, error) {
	if err := v.statChild(parent, c, st); err != nil {
		return nil, err
	}
	return v.table.enter(parent, c, st), nil
}

// Forget takes back look-ups; it does no I/O.
func (v *View) Forget(id, lookups uint64) {
	n := v.table.forget(id, lookups)
	switch {
	case n == nil:
	case n.isDir():
		for _, l := range n.layers() {
			v.dirs.forget(fdKey{n, l})
		}
	default:
		v.files.forget(fdKey{n, n.layer})
	}
}

// GetAttr is rare: a look-up gives the attributes, and the kernel keeps them.
func (v *View) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := v.table.get(in.NodeId)
	if n == nil {
		return fuse.Status(unix.ESTALE)
	}
	var st unix.Stat_t
	var err error
	if n.parent == nil {
		st = v.layers[0].stat // mounting an overlay must not wait for the repository
		if len(n.lower) > 0 {
			st.Nlink = 1
		}
	} else {
		c := child{Child: merge.Child{Name: n.name, Layer: n.layer, Lower: n.lower, Stat: merge.Stat{DType: uint8(n.mode >> 12)}}}
		if n.mode == unix.S_IFCHR {
			if l := n.parent.listing.Load(); l != nil {
				if listed := l.find(n.name); listed != nil {
					c.Child = listed.Child
				}
			}
		}
		err = v.statChild(n.parent, &c, &st)
	}
	if err != nil {
		return status(err)
	}
	v.attr(n, &st, &out.Attr)
	out.SetTimeout(forever)
	return fuse.OK
}

// Readlink gives the target as published.
func (v *View) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	n := v.table.get(h.NodeId)
	if n == nil || n.parent == nil {
		return nil, fuse.Status(unix.ESTALE)
	}
	target, err := v.readlink(n.parent, n.name, n.layer)
	if err != nil {
		return nil, status(err)
	}
	return target, fuse.OK
}

// Open is answered ENOSYS once: the kernel then opens files and keeps their
// pages without asking. Open flags that a repository may refuse (O_NOATIME)
// therefore never reach it.
func (v *View) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if v.openOK {
		out.OpenFlags = fuse.FOPEN_KEEP_CACHE
		return fuse.OK
	}
	return fuse.ENOSYS
}

// Read reads by node; a file that the user may not read says so here.
func (v *View) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n := v.table.get(in.NodeId)
	if n == nil {
		return nil, fuse.Status(unix.ESTALE)
	}
	f, err := v.file(n)
	if err != nil {
		return nil, status(err)
	}
	defer v.files.put(f)
	if in.Offset > math.MaxInt64 {
		return nil, fuse.EINVAL
	}
	size := int(min(int64(in.Size), int64(len(buf)), max(f.size-int64(in.Offset), 0)))
	done := 0
	// A short read means the end to the kernel, so only the end may be short.
	for done < size {
		var got int
		err := retry(func() (err error) {
			got, err = unix.Pread(f.fd, buf[done:size], int64(in.Offset)+int64(done))
			return err
		})
		if err != nil {
			v.files.forget(f.key)
			return nil, status(err)
		}
		if got == 0 {
			return nil, fuse.EIO // the kernel would fill up with zeros
		}
		done += got
	}
	return fuse.ReadResultData(buf[:done]), fuse.OK
}

// OpenDir is answered like Open.
func (v *View) OpenDir(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if v.dirOK {
		out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_CACHE_DIR
		return fuse.OK
	}
	return fuse.ENOSYS
}

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
		case v.enter(n, c, entry).Ok():
			known = append(known, entry.NodeId)
		default:
			*entry = fuse.EntryOut{} // whoever asks for the name gets the error
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

// Flush is answered ENOSYS once: the kernel then closes files without asking.
func (v *View) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// StatFs passes on the repository's figures of when the view was made, with a
// name length: the CVMFS client reports 0, and overlayfs takes that for the limit.
func (v *View) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	st := &v.layers[0].fs
	out.Blocks, out.Files, out.Bsize, out.Frsize = st.Blocks, st.Files, uint32(st.Bsize), uint32(st.Frsize)
	out.NameLen = unix.NAME_MAX
	return fuse.OK
}

// Ioctl has none: overlayfs asks for file attributes (FS_IOC_GETFLAGS) at
// copy-up, and older kernels take only ENOTTY for "there are none".
func (v *View) Ioctl(<-chan struct{}, *fuse.IoctlIn, []byte, *fuse.IoctlOut, []byte) fuse.Status {
	return fuse.Status(unix.ENOTTY)
}
