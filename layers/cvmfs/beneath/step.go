//go:build linux

package beneath

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Step opens one name in the open directory dir. No symbolic link is followed, and
// no mount point crossed: what is mounted there is not the directory's (EXDEV).
func Step(dir int, name string, flags int) (int, error) {
	fd, err := Retry(func() (int, error) {
		return unix.Openat2(dir, name, &unix.OpenHow{
			Flags: uint64(flags | unix.O_CLOEXEC),
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS |
				unix.RESOLVE_NO_XDEV,
		})
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // as in Open
		return step(dir, name, flags)
	}
	return fd, err
}

// step is Step without openat2. Mount points are known by their device: those of
// directories are, but for a part of the same file system.
func step(dir int, name string, flags int) (int, error) {
	fd, err := walk(dir, name, flags)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = SameDevice(dir, fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// SameDevice compares the file systems of two open files: EXDEV if they differ.
func SameDevice(a, b int) error {
	first, err := Device(a)
	if err != nil {
		return err
	}
	second, err := Device(b)
	if err != nil {
		return err
	}
	if first != second {
		return unix.EXDEV
	}
	return nil
}

// Device tells the file system of an open file, by major and minor number, without
// asking for its attributes.
func Device(fd int) ([2]uint32, error) {
	var st unix.Statx_t
	_, err := Retry(func() (int, error) {
		return 0, unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &st)
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // as in Open
		var st unix.Stat_t
		_, err = Retry(func() (int, error) { return 0, unix.Fstat(fd, &st) })
		return [2]uint32{unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))}, err
	}
	return [2]uint32{st.Dev_major, st.Dev_minor}, err
}

// ErrNotRegular says that Regular was given something else than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// Regular opens for reading what a descriptor (O_PATH) stands for, if it is a
// regular file, and gives its size in bytes. To look at a name first and to open
// it then would open whatever has taken its place: opening a FIFO waits, and
// opening a device can do anything.
func Regular(path int) (fd int, size int64, err error) {
	var st unix.Stat_t
	if _, err := Retry(func() (int, error) { return 0, unix.Fstat(path, &st) }); err != nil {
		return -1, 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return -1, 0, ErrNotRegular
	}
	fd, err = Retry(func() (int, error) {
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if errors.Is(err, unix.ENOENT) { // the file is there
		err = fmt.Errorf("opening what was found: %w: is /proc mounted?", unix.EIO)
	}
	return fd, st.Size, err
}
