package server

import (
	"errors"
	"slices"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// opaqueNames are the attributes by which an overlay asks whether a directory
// hides what is beneath it: overlayfs as root, overlayfs mounted with
// userxattr, and fuse-overlayfs.
var opaqueNames = map[string]bool{
	"trusted.overlay.opaque":       true,
	"user.overlay.opaque":          true,
	"user.fuseoverlayfs.opaque":    true,
	"trusted.fuseoverlayfs.opaque": true,
}

// namespaces are those that attributes have on Linux (xattr(7)).
var namespaces = []string{"security.", "system.", "trusted.", "user."}

// GetXAttr answers for opaque directories where something lies beneath the
// view, and for the files' own attributes where the repository keeps any. With
// neither, ENOSYS tells the kernel once and for all not to ask, unless the spec
// wants an answer: overlayfs would ask for each name.
func (v *View) GetXAttr(_ <-chan struct{}, h *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	if len(v.below) == 0 && !v.xattr && !v.Xattrs {
		return 0, fuse.ENOSYS
	}
	n := v.table.get(h.NodeId)
	if n == nil {
		return 0, fuse.Status(unix.ESTALE)
	}
	if !slices.ContainsFunc(namespaces, func(space string) bool { return strings.HasPrefix(attr, space) }) {
		return 0, fuse.Status(unix.EOPNOTSUPP) // as file systems answer that hold attributes
	}
	if opaqueNames[attr] {
		opaque, err := v.opaque(n)
		if err != nil {
			return 0, status(err)
		}
		if !opaque {
			return 0, fuse.ENOATTR
		}
		return copyAttr([]byte("y"), dest)
	}
	if !own(attr) || !v.attributed(n) {
		return 0, fuse.ENOATTR
	}
	value, err := v.ownAttr(n, func(path string, buf []byte) (int, error) { return unix.Lgetxattr(path, attr, buf) })
	if err != nil {
		return 0, attrStatus(err)
	}
	return copyAttr(value, dest)
}

// ListXAttr names the files' own attributes only: opaque markers answer by name.
func (v *View) ListXAttr(_ <-chan struct{}, h *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	n := v.table.get(h.NodeId)
	if n == nil {
		return 0, fuse.Status(unix.ESTALE)
	}
	if !v.attributed(n) {
		return 0, fuse.OK
	}
	names, err := v.ownAttr(n, func(path string, buf []byte) (int, error) { return unix.Llistxattr(path, buf) })
	if err != nil {
		return 0, attrStatus(err)
	}
	var kept []byte
	for _, name := range strings.Split(string(names), "\x00") {
		if own(name) {
			kept = append(append(kept, name...), 0)
		}
	}
	return copyAttr(kept, dest)
}

// opaque says whether a directory hides what is beneath the view.
func (v *View) opaque(n *node) (bool, error) {
	if len(v.below) == 0 || !n.isDir() {
		return false, nil
	}
	if n.sealed {
		return true, nil
	}
	l, err := v.list(n)
	if err != nil {
		return false, err
	}
	return l.opaque, nil
}

// own says whether an attribute belongs to the file: file capabilities and the
// user's own, but no mark that an overlay or the repository's client made.
func own(attr string) bool {
	return attr == "security.capability" || strings.HasPrefix(attr, "user.") &&
		!strings.HasPrefix(attr, "user.overlay.") && !strings.HasPrefix(attr, "user.fuseoverlayfs.")
}

// attributed says whether a node may have attributes of its own: only files and
// directories have (xattr(7)), and a whiteout may be nothing but a name.
func (v *View) attributed(n *node) bool {
	return v.layers[n.layer].xattr && (n.mode == unix.S_IFREG || n.mode == unix.S_IFDIR)
}

func (v *View) ownAttr(n *node, read func(path string, buf []byte) (int, error)) ([]byte, error) {
	var path string
	if n.parent == nil {
		path = atFD(v.layers[0].root, ".")
	} else {
		dir, err := v.dir(n.parent, n.layer)
		if err != nil {
			return nil, err
		}
		defer v.dirs.put(dir)
		path = atFD(dir.fd, n.name)
	}
	buf := make([]byte, 64<<10) // XATTR_SIZE_MAX, XATTR_LIST_MAX
	size := 0
	err := call(func() (err error) {
		size, err = read(path, buf)
		return err
	})
	return buf[:max(size, 0)], err
}

func attrStatus(err error) fuse.Status {
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
		return fuse.ENOATTR
	}
	return status(err)
}

// copyAttr answers with a value; an empty dest asks for its size.
func copyAttr(value, dest []byte) (uint32, fuse.Status) {
	if len(dest) > 0 && len(dest) < len(value) {
		return uint32(len(value)), fuse.ERANGE
	}
	copy(dest, value)
	return uint32(len(value)), fuse.OK
}
