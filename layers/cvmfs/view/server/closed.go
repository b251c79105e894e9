package server

import (
	"errors"
	"fmt"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A file that this process may not read must fail at open. The kernel does not ask
// the view to open files (see Open), and a program that gets its error from the first
// read may take it for the end of the file: a shell then runs nothing, and succeeds.
//
// So such a file belongs to nobody at all: to noOwner, which no user namespace maps.
// No capability counts for such a file, not even that of the container's root or of
// who mounted the overlay, and its mode closes it to others: the kernel refuses to
// open it, with EACCES. The mode stays true. No other file costs a request more.
//
// overlayfs copies the owner of a file into an inode of its own when it first looks
// the file up, and lets nobody remove an inode without an owner (EOVERFLOW, may_delete
// in fs/namei.c). Removing and replacing must work, and they need the copy only. When
// it opens a file, it looks at the inode of the view again (ovl_permission). In
// between, it asks for the attributes once: it looks for user.overlay.metacopy, whose
// permission check asks for attributes that may not be kept. Therefore a look-up that
// makes an inode and the first question after it are answered with the view's owner,
// all later ones with noOwner. Nothing may be kept of these answers: a name that is
// not kept goes when overlayfs lets its inode go, and the next look-up makes a new one.
//
// A kernel that asks less often opens the file once more, and reading gives EACCES.

// noOwner is (uid_t)-1 and (gid_t)-1.
const noOwner = 1<<32 - 1

// What is known of a file that its mode closes to others.
const (
	notAsked  = iota
	isOpen    // this process may read it
	isClosed  // it may not
	isClosing // the same, and overlayfs has yet to make its inode
)

// mayBeClosed says that a file's mode closes it to others. An empty file has nothing
// to read: it is an ordinary one, as locks are that programs open to write.
func mayBeClosed(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o4 == 0 && st.Size != 0
}

// closed says whether a file is closed to this process.
func (v *View) closed(n *node, st *unix.Stat_t) bool {
	if !mayBeClosed(st) {
		return false
	}
	if n.access.Load() == notAsked {
		access := int32(isOpen)
		if v.refused(n) {
			access = isClosed
		}
		n.access.CompareAndSwap(notAsked, access)
	}
	return n.access.Load() != isOpen
}

// refused says whether this process may not read a file. It does not open it, which
// would have the repository fetch it. An error other than a refusal is for who reads.
func (v *View) refused(n *node) bool {
	if n.parent == nil {
		return false
	}
	fd, err := v.openAt(n, n.layer, unix.O_PATH)
	if err != nil {
		return errors.Is(err, unix.EACCES)
	}
	defer unix.Close(fd)
	err = call(func() error {
		return unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.R_OK, 0)
	})
	return errors.Is(err, unix.EACCES)
}

// enterClosed is the answer to a look-up of a closed file. first says that the
// kernel did not know it.
func (v *View) enterClosed(n *node, first bool, out *fuse.EntryOut) {
	out.SetEntryTimeout(0)
	out.SetAttrTimeout(0)
	if first && !v.Xattrs { // fuse-overlayfs makes no such copy
		n.access.Store(isClosing)
		return
	}
	out.Owner = fuse.Owner{Uid: noOwner, Gid: noOwner}
}

// getClosed is the answer to a question for its attributes.
func (v *View) getClosed(n *node, out *fuse.AttrOut) {
	out.SetTimeout(0)
	if !n.access.CompareAndSwap(isClosing, isClosed) {
		out.Owner = fuse.Owner{Uid: noOwner, Gid: noOwner}
	}
}
