package server

import (
	"math"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
)

// capNoOpendirSupport is FUSE_NO_OPENDIR_SUPPORT (Linux 5.1), which go-fuse does not name.
const capNoOpendirSupport = 1 << 24

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
	if err := v.statChild(parent, c, &st); err != nil {
		return status(err)
	}
	v.enterAs(parent, c, &st, out)
	return fuse.OK
}

// enterListed is enter for a listing, in which closed files have no place: they are
// looked up by whoever opens them. It says whether c is known now.
func (v *View) enterListed(parent *node, c *child, out *fuse.EntryOut) bool {
	var st unix.Stat_t
	if err := v.statChild(parent, c, &st); err != nil || mayBeClosed(&st) {
		return false
	}
	v.enterAs(parent, c, &st, out)
	return true
}

// enterNode counts one look-up of c. What a FUSE server says of inode numbers and
// links may not be true: there, each name is a file of its own.
func (v *View) enterNode(parent *node, c *child, st *unix.Stat_t) (n *node, first bool) {
	return v.table.enter(parent, c, st, !v.layers[c.Layer].fuse)
}

func (v *View) enterAs(parent *node, c *child, st *unix.Stat_t, out *fuse.EntryOut) {
	n, first := v.enterNode(parent, c, st)
	v.attr(n, st, &out.Attr)
	out.NodeId, out.Generation = n.id, v.generation
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
	if v.closed(n, st) {
		v.enterClosed(n, first, out)
	}
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
	if v.closed(n, &st) {
		v.getClosed(n, out)
	}
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
		err := call(func() (err error) {
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
