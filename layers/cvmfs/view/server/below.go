package server

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// deletes gives a test for names that a directory deletes: whether there is
// such a name beneath the view to delete. overlayfs hides a whiteout only where
// it merges directories; anywhere else the name would show.
func (v *View) deletes(n *node) func(name string) bool {
	if n.sealed || len(v.below) == 0 {
		return func(string) bool { return false }
	}
	path := n.path()
	return func(name string) bool {
		for _, fd := range v.below {
			if exists(fd, path, name) {
				return true
			}
		}
		return false
	}
}

// exists looks for a name in a directory, given by its path below root. What
// cannot be looked at may be there.
func exists(root int, dir, name string) bool {
	fd, err := unix.Openat2(root, dir, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if errors.Is(err, unix.ENOSYS) { // before Linux 5.6; a link is only looked through
		fd, err = unix.Openat(root, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err == nil {
		defer unix.Close(fd)
		var st unix.Stat_t
		err = unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	switch err {
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		return false
	}
	return true
}

// path is the node's path below the view's root.
func (n *node) path() string {
	names := []string{"."}
	for ; n.parent != nil; n = n.parent {
		names = append(names, n.name)
	}
	for i, j := 1, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	return strings.Join(names, "/")
}
