package server

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// readDir lists a directory as one layer holds it. One that the user may not
// read or search is shown with its metadata, can be entered and written to, and
// holds nothing; what is beneath is hidden, too, because nobody knows what of
// it was deleted.
func (v *View) readDir(n *node, l int, room *room) (listing merge.Listing, err error) {
	dir, err := v.dir(n, l)
	if err != nil {
		return listing, err
	}
	defer v.dirs.put(dir)
	listing = merge.Listing{Layer: l, Overlay: v.layers[l].Overlay, Plain: v.layers[l].Ordinary()}
	fd, err := reopenDir(n, dir.fd)
	if fd < 0 {
		listing.Opaque = true
		return listing, err
	}
	defer unix.Close(fd)
	if listing.Entries, err = v.getdents(fd, listing.Overlay, room); err != nil {
		return listing, err
	}
	if listing.Overlay {
		if n.parent != nil {
			if listing.Opaque, err = v.layers[l].overlayOpaque(fd, n.path()); err != nil {
				return listing, err
			}
		}
		return listing, v.layers[l].verify(len(listing.Entries) == 0)
	}
	if n.parent == nil { // overlayfs does not know of opaque roots, so that ordinary layers have none
		listing.Entries = slices.DeleteFunc(listing.Entries, func(e merge.Entry) bool {
			return e.Name == whiteout.OpaqueName
		})
	}
	for _, i := range merge.Deletes(listing.Entries) {
		if hollow, err := v.hollow(fd, listing.Entries[i].Name, 0, room); err != nil {
			return listing, err
		} else if hollow {
			listing.Entries[i].Type = merge.Hollow
		}
	}
	return listing, v.layers[l].verify(len(listing.Entries) == 0)
}

// openDir opens a directory for listing; -1 for one that the user may not read
// or search.
func openDir(parent int, name string) (int, error) {
	return findDir(parent, name, unix.O_RDONLY, unix.X_OK)
}

// findDir opens a directory; -1 for one that the user may not open so, or that does
// not allow access.
func findDir(parent int, name string, flags int, access uint32) (fd int, err error) {
	err = call(func() error {
		fd, err = beneath.Step(parent, name, flags|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		return err
	})
	if errors.Is(err, unix.EACCES) {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	return allowed(fd, access)
}

// reopenDir is openDir for the descriptor of a directory of the view. A layer's own
// directory is open for listing already, and need not be asked for again.
func reopenDir(n *node, dir int) (int, error) {
	if n.parent != nil {
		return openDir(dir, ".")
	}
	fd, err := unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return allowed(fd, unix.X_OK)
}

// allowed gives an open directory back, or closes it and gives -1 if it does not
// allow the user access. What else the question fails of is no permission, but an error.
func allowed(dir int, access uint32) (int, error) {
	err := call(func() error { return unix.Faccessat(dir, ".", access, 0) })
	if err == nil {
		return dir, nil
	}
	unix.Close(dir)
	if errors.Is(err, unix.EACCES) {
		err = nil
	}
	return -1, err
}

// overlayOpaque says whether a directory in overlayfs's form hides what lower
// layers hold: what root's overlays write, and those in a user namespace.
func (l *layer) overlayOpaque(fd int, path string) (bool, error) {
	if slices.Contains(l.Opaque, path) {
		return true, nil
	}
	var buf [1]byte
	for _, attr := range []string{"user.overlay.opaque", "trusted.overlay.opaque"} {
		n := 0
		err := call(func() (err error) {
			n, err = unix.Fgetxattr(fd, attr, buf[:])
			return err
		})
		switch {
		case n == 1 && buf[0] == 'y':
			return true, nil
		case err != nil && !slices.Contains([]error{unix.ENODATA, unix.EOPNOTSUPP, unix.ERANGE}, err):
			return false, err
		}
	}
	return false, nil
}

// maxNames is how many names a directory may have, those in all its layers together,
// and those that are looked through to know what it deletes. What a repository says
// takes some 350 bytes a name, and may have no end.
const maxNames = 1 << 20

var errTooMany = errors.New("a directory has too many names")

// room is how many more names one directory may take.
type room struct{ left atomic.Int64 }

func newRoom(names int64) *room {
	r := &room{}
	r.left.Store(names)
	return r
}

// maxHollow is how deep directories of nothing but markers are looked into. Each
// level takes a descriptor.
const maxHollow = 32

// hollow says whether a directory holds markers, or directories of markers,
// and nothing else.
func (v *View) hollow(parent int, name string, depth int, room *room) (bool, error) {
	if depth == maxHollow {
		return false, fmt.Errorf("%q: directories of markers, %d deep: %w", name, depth, unix.ELOOP)
	}
	fd, err := openDir(parent, name)
	if fd < 0 {
		return false, err
	}
	defer unix.Close(fd)
	entries, err := v.getdents(fd, false, room)
	if err != nil {
		return false, err
	}
	markers := false
	for _, e := range entries {
		switch {
		case marker(e.Name) || e.Type == merge.Deleted:
		case e.Type != merge.Dir && cvmfs.IsMarker(e.Name):
			continue
		case e.Type != merge.Dir:
			return false, nil
		default:
			if hollow, err := v.hollow(fd, e.Name, depth+1, room); !hollow || err != nil {
				return false, err
			}
		}
		markers = true
	}
	return markers, nil
}

// direntBuffers are reused: a start lists some fifty directories, and memory that is
// asked for each time is memory to be collected in between.
var direntBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// getdents lists an open directory of a layer, which is in overlayfs's form or not.
func (v *View) getdents(fd int, overlay bool, room *room) ([]merge.Entry, error) {
	var entries []merge.Entry
	buf := direntBuffers.Get().(*[32 << 10]byte)
	defer direntBuffers.Put(buf)
	for {
		var n int
		err := call(func() (err error) {
			n, err = unix.ReadDirent(fd, buf[:])
			return err
		})
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return entries, nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			var d fuse.DirEntry
			rest = rest[d.Parse(rest):]
			if room.left.Add(-1) < 0 {
				return nil, fmt.Errorf("%w: more than %d", errTooMany, maxNames)
			}
			if d.Name == "." || d.Name == ".." || len(d.Name) > unix.NAME_MAX { // nobody could look it up
				continue
			}
			e, err := entry(fd, d)
			if err != nil {
				return nil, err
			}
			if v.noDevices && device(e) && (overlay || !marker(e.Name)) {
				continue
			}
			entries = append(entries, e)
		}
	}
}

// entry classes a name. A listing may lack types, and a device may be
// overlayfs's whiteout: these two are looked at.
func entry(dir int, d fuse.DirEntry) (merge.Entry, error) {
	e := merge.Entry{Name: d.Name, Stat: merge.Stat{Ino: d.Ino, DType: uint8(d.Mode >> 12)}}
	var rdev uint64
	if e.DType == unix.DT_UNKNOWN || e.DType == unix.DT_CHR {
		var st unix.Stat_t
		if err := call(func() error { return unix.Fstatat(dir, d.Name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
			return e, err
		}
		e.DType, rdev = uint8(st.Mode>>12)&0xf, st.Rdev
	}
	switch {
	case e.DType == unix.DT_DIR:
		e.Type = merge.Dir
	case e.DType == unix.DT_CHR && rdev == 0:
		e.Type = merge.Deleted
	}
	return e, nil
}

// marker says whether a name means something in a layer in AUFS form, whatever has it.
func marker(name string) bool {
	kind, _, _ := whiteout.Parse(name)
	return kind != whiteout.Entry
}

// device says whether an entry is a device node, and not overlayfs's whiteout.
func device(e merge.Entry) bool {
	return e.Type != merge.Deleted && (e.DType == unix.DT_CHR || e.DType == unix.DT_BLK)
}
