package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// record is what tells whether a path changed between two layers. Born and
// Inode tell a directory that was removed and made again from one that only
// gained entries: the former is opaque. (ext4 hands an inode number out again
// at once, some file systems keep no birth time: both are compared.)
type record struct {
	Mode, UID, GID, Nlink uint32
	Size                  int64
	Rdev                  uint64
	Mtime, Ctime, Born    unix.StatxTimestamp
	Inode                 uint64
	Target                string
}

func (r record) isDir() bool { return r.Mode&unix.S_IFMT == unix.S_IFDIR }

// remade says whether the directory r stands where another directory was.
func (r record) remade(before record) bool {
	return r.isDir() && before.isDir() && (r.Inode != before.Inode || r.Born != before.Born)
}

// unchanged compares all but what a directory's entries and a file's other
// links do to it: adding /usr/bin/x does not make a layer repeat /usr.
func (r record) unchanged(before record) bool {
	if r.isDir() {
		return r.Mode == before.Mode && r.UID == before.UID && r.GID == before.GID &&
			r.Mtime == before.Mtime && !r.remade(before)
	}
	return r == before
}

// state maps slash paths below a root, without a leading slash, to records.
type state map[string]record

// transient names what belongs to the build and not to the image: a path
// ending in a slash is kept as an empty directory.
var transient = []string{
	"dev/", "proc/", "sys/", "run/", "tmp/", "var/tmp/",
	"var/cache/apt/", "var/lib/apt/lists/", "var/log/",
	"etc/apt/apt.conf.d/00mmdebstrap", "usr/sbin/policy-rc.d", "etc/resolv.conf", "etc/hostname",
	"var/cache/ldconfig/", "var/cache/debconf/",
}

func skipped(path string) bool {
	for _, t := range transient {
		if path == t || strings.HasSuffix(t, "/") && strings.HasPrefix(path, t) {
			return true
		}
	}
	return false
}

// scan records everything below root that belongs to the image.
func scan(root string) (state, error) {
	now := state{}
	err := filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err := filepath.Rel(root, full)
		if err != nil || path == "." {
			return err
		}
		if skipped(path) {
			return skip(entry)
		}
		now[path], err = stat(full)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("scanning %q: %w", root, err)
	}
	return now, nil
}

func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func stat(path string) (record, error) {
	var st unix.Statx_t
	mask := unix.STATX_BASIC_STATS | unix.STATX_BTIME
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, mask, &st); err != nil {
		return record{}, fmt.Errorf("reading attributes of %q: %w", path, err)
	}
	r := record{
		Mode: uint32(st.Mode), UID: st.Uid, GID: st.Gid, Nlink: st.Nlink,
		Size: int64(st.Size), Rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor),
		Mtime: st.Mtime, Ctime: st.Ctime, Born: st.Btime, Inode: st.Ino,
	}
	if r.Mode&unix.S_IFMT != unix.S_IFLNK {
		return r, nil
	}
	var err error
	r.Target, err = os.Readlink(path)
	return r, err
}

// loadState reads what saveState wrote; a missing file is the empty state.
func loadState(path string) (state, error) {
	before := state{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return before, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := gob.NewDecoder(f).Decode(&before); err != nil {
		return nil, fmt.Errorf("reading state %q: %w", path, err)
	}
	return before, nil
}

func saveState(path string, now state) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(f).Encode(now); err != nil {
		f.Close()
		return fmt.Errorf("writing state %q: %w", path, err)
	}
	return f.Close()
}
