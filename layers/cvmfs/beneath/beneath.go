//go:build linux

// Package beneath opens what lies below a directory without ever leaving it: a
// repository's symbolic links could otherwise name any file of the node.
package beneath

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Open opens path, relative and clean, below the open directory dir. No symbolic
// link is followed and nothing above dir is reached.
func Open(dir int, path string, flags int) (int, error) {
	fd, err := Retry(func() (int, error) {
		return unix.Openat2(dir, path, &unix.OpenHow{
			Flags:   uint64(flags | unix.O_CLOEXEC),
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
	})
	// Kernels before 5.6 have no openat2; some seccomp filters say EPERM to
	// system calls that are newer than they are.
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return walk(dir, path, flags)
	}
	return fd, err
}

// walk is Open, one component at a time.
func walk(dir int, path string, flags int) (int, error) {
	if !filepath.IsLocal(path) || filepath.Clean(path) != path {
		return -1, unix.EXDEV
	}
	names := strings.Split(path, "/")
	parent := dir
	for i, name := range names {
		how := unix.O_PATH | unix.O_DIRECTORY
		if i == len(names)-1 {
			how = flags
		}
		fd, err := Retry(func() (int, error) {
			return unix.Openat(parent, name, how|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		})
		if parent != dir {
			unix.Close(parent)
		}
		if err != nil {
			return -1, err
		}
		parent = fd
	}
	return parent, nil
}

// Odd tells whether an error of Open or Read says that something other than a
// plain directory or file stands on the way: a symbolic link (ELOOP, or
// ENOTDIR where a directory was asked for), a file, a way out; a device, a
// socket or a FIFO where a file is to be read.
func Odd(err error) bool {
	return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EXDEV) || errors.Is(err, ErrNotRegular)
}

// Retry repeats a system call that a signal interrupted, as FUSE servers let
// happen, or that openat2 wants to be repeated. Not for ever: EAGAIN is also
// what O_NONBLOCK gives where somebody holds a lease.
func Retry(call func() (int, error)) (n int, err error) {
	for range 64 {
		n, err = call()
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	return n, err
}
