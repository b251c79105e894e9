package server

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
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
			if there, hides := exists(fd, path, name); there || hides {
				return there
			}
		}
		return false
	}
}

// exists looks for a name in a directory, given by its path below root. What
// cannot be looked at may be there. Where something else than a directory is on
// the way, it hides those of the path that are stacked beneath.
func exists(root int, dir, name string) (there, hides bool) {
	fd := -1
	err := call(func() (err error) {
		fd, err = beneath.Open(root, dir, unix.O_PATH|unix.O_DIRECTORY)
		return err
	})
	if beneath.Odd(err) {
		return false, true
	}
	if err == nil {
		defer unix.Close(fd)
		var st unix.Stat_t
		err = call(func() error { return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	}
	return !errors.Is(err, unix.ENOENT), false
}

// path is the node's path below the view's root.
func (n *node) path() string {
	if n.parent == nil {
		return "."
	}
	names := []string{}
	for ; n.parent != nil; n = n.parent {
		names = append(names, n.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}
