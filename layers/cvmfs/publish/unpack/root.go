package unpack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// While a tar is unpacked the owner can do everything in every directory; the
// modes that the tar asks for are set at the end.
const workMode = 0o700

// implied is what a directory has that no entry describes.
var implied = meta{mode: 0o755}

// meta is what is set on a file after it was made.
type meta struct {
	mode  uint32 // permission bits with setuid, setgid and sticky
	mtime int64  // seconds
}

// root is the layer's directory and all directories made in it so far.
type root struct {
	fd   int
	proc string          // a short name for fd: a path in the layer may be as long as PATH_MAX allows
	dirs map[string]meta // by path without symlinks, "." for the root itself

	// The parent of the last entry: entries come directory by directory. It is
	// stale once something was removed that may have led to it.
	lastName string
	last     *parent
	stale    bool
}

// parent is an open directory.
type parent struct {
	fd   int
	path string // without symlinks, relative to the root
}

func openRoot(dir string) (*root, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening directory %q: %w", dir, err)
	}
	return &root{
		fd:   fd,
		proc: fmt.Sprintf("/proc/self/fd/%d", fd),
		dirs: map[string]meta{".": implied},
	}, nil
}

func (r *root) close() {
	r.forget()
	unix.Close(r.fd)
}

func (r *root) forget() {
	if r.last != nil {
		unix.Close(r.last.fd)
		r.last = nil
	}
	r.stale = false
}

// parent opens the directory of that name, a clean relative path whose
// symlinks are followed within the root, and makes what is missing of it. The
// descriptor is the root's and good until the next call.
func (r *root) parent(name string) (*parent, error) {
	if r.last != nil && r.lastName == name && !r.stale {
		return r.last, nil
	}
	r.forget()
	full, err := securejoin.SecureJoin(r.proc, name)
	if err != nil {
		return nil, err
	}
	path, err := filepath.Rel(r.proc, full)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Openat(r.fd, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		fd, err = r.mkdirs(path)
	}
	if err != nil {
		return nil, err
	}
	r.lastName, r.last = name, &parent{fd: fd, path: path}
	return r.last, nil
}

// mkdirs makes the missing directories of a path without symlinks.
func (r *root) mkdirs(path string) (int, error) {
	fd, err := unix.Dup(r.fd)
	if err != nil {
		return -1, err
	}
	made := ""
	for _, name := range strings.Split(path, "/") {
		made = filepath.Join(made, name)
		switch err := unix.Mkdirat(fd, name, workMode); {
		case err == nil:
			r.dirs[made] = implied
		case !errors.Is(err, unix.EEXIST):
			unix.Close(fd)
			return -1, err
		}
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		unix.Close(fd)
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}

// remove deletes whatever has that name in the parent, with all below it.
func (r *root) remove(p *parent, name string) error {
	err := unix.Unlinkat(p.fd, name, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	r.stale = true
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return err
	}
	gone := filepath.Join(p.path, name)
	for dir := range r.dirs {
		if dir == gone || strings.HasPrefix(dir, gone+"/") {
			delete(r.dirs, dir)
		}
	}
	return os.RemoveAll(fmt.Sprintf("/proc/self/fd/%d/%s", p.fd, name))
}

// finish gives all directories their modes and times, children first: a
// parent may deny what its children still need.
func (r *root) finish() error {
	r.forget()
	paths := make([]string, 0, len(r.dirs))
	for path := range r.dirs {
		if path != "." {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	slices.Reverse(paths)
	for _, path := range append(paths, ".") {
		m := r.dirs[path]
		if err := setTimes(r.fd, path, m.mtime); err != nil {
			return fmt.Errorf("setting times of directory %q: %w", path, err)
		}
		if err := unix.Fchmodat(r.fd, path, m.mode, 0); err != nil {
			return fmt.Errorf("setting mode of directory %q: %w", path, err)
		}
	}
	return nil
}

func setTimes(dir int, name string, seconds int64) error {
	// A 32-bit machine's seconds end in 2038.
	t, err := unix.TimeToTimespec(time.Unix(seconds, 0))
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}
