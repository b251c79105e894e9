// Package server serves a view: one merged, read-only tree of a run of layer
// directories, for overlayfs to stack as a single lower.
//
// What the kernel may keep, it keeps: content does not change under a
// repository's revision, so names (those that are absent too), attributes,
// link targets and pages are cached without end, files are opened without
// asking us, and a directory's listing is read once. What is left are first
// touches.
//
// The server only reads, never follows a link or crosses a mount point out of a
// layer, opens nothing but directories and regular files, is confined to that
// before it looks at the first layer (package confine), and ends when the kernel
// drops the mount.
package server

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

const (
	// forever is how long the kernel may keep an answer.
	forever = 365 * 24 * time.Hour
	// overflowID is nobody's id (user_namespaces(7)), which containers/storage
	// gives to what a mapping lacks.
	overflowID = 65534
)

// View is the merged tree. It implements fuse.RawFileSystem.
type View struct {
	fuse.RawFileSystem // answers ENOSYS to all that a read-only tree has no use for
	spec.Spec

	layers []*layer // topmost first
	below  []int    // descriptors (O_PATH) of what is stacked beneath, topmost first
	root   *node
	table  *table
	dirs   *fdCache // directories, O_PATH
	files  *fdCache // regular files, for reading
	xattr  bool     // some layer may hold extended attributes
	nobody bool     // overflowID is mapped in this user namespace

	noDevices bool // the spec's, which show replaces while a directory is listed
	// generation is another in each server: overlayfs notes the file handle of
	// what it copies up, and must not find another file by it in the next view.
	generation uint64
	openOK     bool          // the kernel does not know that an open need not be asked for
	dirOK      bool          // the same for directories
	plusTime   time.Duration // as the constant
	maxNames   int64         // likewise
	walk       atomic.Int32  // how many directories more come with attributes, for who walks
	ahead      sync.Once     // see listAhead
}

// New opens the layers of s and compares them with their records. maxFDs
// bounds the descriptors that are kept open besides one a layer.
func New(s spec.Spec, maxFDs int) (*View, error) {
	layers, err := openLayers(s.Layers)
	if err != nil {
		return nil, err
	}
	return newView(s, layers, maxFDs)
}

// newView is New with the layers of s open. They are the view's from here on.
func newView(s spec.Spec, layers []*layer, maxFDs int) (*View, error) {
	if len(layers) == 0 {
		return nil, fmt.Errorf("a view needs at least one layer")
	}
	v := &View{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		Spec:          s,
		layers:        layers,
		noDevices:     s.NoDevices,
		plusTime:      plusTime,
		maxNames:      maxNames,
		generation:    uint64(rand.Uint32()),
		dirs:          newFDCache(maxFDs / 2),
		files:         newFDCache(maxFDs / 2),
	}
	for _, path := range s.Below {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			v.close()
			return nil, fmt.Errorf("opening lower %q: %w", path, err)
		}
		v.below = append(v.below, fd)
	}
	v.root = &node{mode: unix.S_IFDIR}
	for i, l := range v.layers {
		v.xattr = v.xattr || l.xattr
		if i > 0 {
			v.root.lower = append(v.root.lower, i)
		}
	}
	v.table = newTable(v.root)
	return v, nil
}

// show says how a view is shown that has been made of the same layers.
func (v *View) show(s spec.Spec) error {
	if !reflect.DeepEqual(s.Layers, v.Layers) || len(s.Below) > 0 || s.NoDevices != v.noDevices {
		return errors.New("another view than the one that is prepared")
	}
	v.Spec = s
	return nil
}

// close closes what New has opened.
func (v *View) close() {
	closeLayers(v.layers)
	for _, fd := range v.below {
		unix.Close(fd)
	}
}

func (v *View) String() string { return "cvmfs-view" }

// Init learns what the kernel can do.
func (v *View) Init(s *fuse.Server) {
	flags := s.KernelSettings().Flags64()
	v.openOK = flags&fuse.CAP_NO_OPEN_SUPPORT == 0
	v.dirOK = flags&capNoOpendirSupport == 0
}

// attr presents metadata: the spec's owner, and of a whiteout nothing but its type.
// Where owners are not known, no file is setuid or setgid. The setgid bit of a
// directory stays: what is made in it gets the group of the directory, root's, and
// the kernel clears the bit of files that a user makes with that group.
func (v *View) attr(n *node, st *unix.Stat_t, out *fuse.Attr) {
	out.Ino, out.Size, out.Blocks = v.number(n, st.Ino), uint64(st.Size), uint64(st.Blocks)
	out.Mode, out.Nlink, out.Rdev, out.Blksize = st.Mode, uint32(st.Nlink), uint32(st.Rdev), uint32(st.Blksize)
	out.Atime, out.Atimensec = uint64(st.Atim.Sec), uint32(st.Atim.Nsec)
	out.Mtime, out.Mtimensec = uint64(st.Mtim.Sec), uint32(st.Mtim.Nsec)
	out.Ctime, out.Ctimensec = uint64(st.Ctim.Sec), uint32(st.Ctim.Nsec)
	if st.Mtim.Sec < 0 && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		out.Mtime, out.Mtimensec = 0, 0 // the extraction of a layer gives no earlier time to anything but links
	}
	if v.layers[n.layer].Owned() {
		out.Owner = fuse.Owner{Uid: v.shown(v.UIDs, st.Uid), Gid: v.shown(v.GIDs, st.Gid)}
		return
	}
	out.Owner = fuse.Owner{Uid: v.UID, Gid: v.GID}
	if !v.Setuid && st.Mode&unix.S_IFMT == unix.S_IFREG {
		out.Mode &^= unix.S_ISUID | unix.S_ISGID // they would be the container's root's
	}
}

// shown gives what an owner of an Owned layer is shown as. One that the
// container does not have is nobody's, as after a chown by containers/storage;
// where nobody is not mapped either, it stays as it is.
func (v *View) shown(ranges []spec.Range, id uint32) uint32 {
	if ranges == nil {
		return id
	}
	if to, ok := spec.Shift(ranges, id); ok {
		return to
	}
	if v.nobody {
		return overflowID
	}
	return id
}

// statChild reads the metadata that the view presents for c.
func (v *View) statChild(parent *node, c *child, st *unix.Stat_t) error {
	if c.Type == merge.Deleted {
		*st = unix.Stat_t{Mode: unix.S_IFCHR, Nlink: 1, Ino: c.Ino}
		return nil
	}
	if err := v.stat(parent, c.Name, c.Layer, st); err != nil {
		return err
	}
	// What was merged was another name, if the listing said another type of it.
	if kind := uint8(st.Mode & unix.S_IFMT >> 12); kind != c.DType {
		return fmt.Errorf("%q is of type %d and was listed as %d: %w", c.Name, kind, c.DType, unix.ESTALE)
	}
	if len(c.Lower) > 0 {
		opaque, err := v.opaqueAt(parent, c.Name, c.Layer)
		if err != nil {
			return err
		}
		if !opaque {
			st.Nlink = 1 // overlayfs counts no subdirectories of a merged directory
		}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK && v.layers[c.Layer].magic {
		target, err := v.readlink(parent, c.Name, c.Layer)
		if err != nil {
			return err
		}
		st.Size = int64(len(target)) // the client gives the expanded target's length
	}
	return nil
}
