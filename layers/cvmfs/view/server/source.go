package server

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// Every step into a layer goes from the descriptor of a directory to one name
// in it, without following a symbolic link or crossing a mount point: nothing that
// a layer holds, or is changed to while we look, leads out of it, and no path is
// too long.

// dir gives a descriptor (O_PATH) of a directory as one layer holds it.
func (v *View) dir(n *node, l int) (*fdEntry, error) {
	return v.dirs.get(fdKey{n, l}, func() (fd int, _ int64, err error) {
		if n.parent == nil {
			fd, err = unix.FcntlInt(uintptr(v.layers[l].root), unix.F_DUPFD_CLOEXEC, 0)
		} else {
			fd, err = v.openAt(n, l, unix.O_PATH|unix.O_DIRECTORY)
		}
		return fd, 0, err
	})
}

// openAt opens the name of n in its parent directory, as layer l holds it.
func (v *View) openAt(n *node, l int, flags int) (fd int, err error) {
	parent, err := v.dir(n.parent, l)
	if err != nil {
		return -1, err
	}
	defer v.dirs.put(parent)
	err = call(func() error {
		fd, err = beneath.Step(parent.fd, n.name, flags|unix.O_NOFOLLOW)
		return err
	})
	return fd, err
}

// file gives a descriptor for reading a regular file. Nothing else is ever
// opened: the kernel handles devices, FIFOs and sockets itself.
func (v *View) file(n *node) (*fdEntry, error) {
	if n.mode != unix.S_IFREG {
		return nil, unix.EIO
	}
	return v.files.get(fdKey{n, n.layer}, func() (int, int64, error) {
		path, err := v.openAt(n, n.layer, unix.O_PATH)
		if err != nil {
			return -1, 0, err
		}
		defer unix.Close(path)
		fd, size := -1, int64(0)
		err = call(func() (err error) {
			fd, size, err = beneath.Regular(path)
			return err
		})
		if errors.Is(err, beneath.ErrNotRegular) {
			err = fmt.Errorf("file %q changed its type: %w", n.name, unix.ESTALE)
		}
		if err != nil {
			return -1, 0, err
		}
		if err := v.layers[n.layer].verifyFile(); err != nil {
			unix.Close(fd)
			return -1, 0, err
		}
		return fd, size, nil
	})
}

// stat reads the metadata of name in a directory as one layer holds it.
func (v *View) stat(parent *node, name string, l int, st *unix.Stat_t) error {
	dir, err := v.dir(parent, l)
	if err != nil {
		return err
	}
	defer v.dirs.put(dir)
	if err := call(func() error { return unix.Fstatat(dir.fd, name, st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return err
	}
	return v.layers[l].verify(false)
}

// opaqueAt says whether a directory, as one layer holds it, hides what lower
// layers hold. Of one that the user may not read or search, nobody knows.
func (v *View) opaqueAt(parent *node, name string, l int) (bool, error) {
	dir, err := v.dir(parent, l)
	if err != nil {
		return false, err
	}
	defer v.dirs.put(dir)
	if v.layers[l].Overlay {
		fd, err := openDir(dir.fd, name)
		if fd < 0 {
			return false, err
		}
		defer unix.Close(fd)
		return v.layers[l].overlayOpaque(fd, filepath.Join(parent.path(), name))
	}
	// A look at a name: to open a directory for listing is a question to the repository.
	fd, err := findDir(dir.fd, name, unix.O_PATH, unix.R_OK|unix.X_OK)
	if fd < 0 {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = call(func() error { return unix.Fstatat(fd, whiteout.OpaqueName, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// dirIno gives a directory's inode number as it is shown.
func (v *View) dirIno(n *node) (uint64, error) {
	if n.parent == nil || v.layers[n.layer].magic {
		return v.number(n, 0), nil
	}
	dir, err := v.dir(n, n.layer)
	if err != nil {
		return 0, err
	}
	defer v.dirs.put(dir)
	var st unix.Stat_t
	err = call(func() error { return unix.Fstat(dir.fd, &st) })
	return v.number(n, st.Ino), err
}

// readlink gives a symbolic link's target as it was published.
func (v *View) readlink(parent *node, name string, l int) ([]byte, error) {
	dir, err := v.dir(parent, l)
	if err != nil {
		return nil, err
	}
	defer v.dirs.put(dir)
	var target []byte
	err = call(func() (err error) {
		target, err = beneath.Readlink(dir.fd, name, v.layers[l].magic)
		return err
	})
	if err != nil {
		return nil, err
	}
	return target, v.layers[l].verify(false)
}

// atFD names an entry of an open directory for calls that take a path only.
func atFD(dir int, name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
}
