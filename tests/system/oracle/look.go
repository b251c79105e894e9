package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lookup is what statx says of a name.
type lookup struct {
	unix.Statx_t
}

// at looks up a name in an open directory, or the directory itself.
func (l *lookup) at(fd int, name string, itself bool) error {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if itself {
		flags, name = flags|unix.AT_EMPTY_PATH, ""
	}
	_, err := retry(func() (int, error) {
		return 0, unix.Statx(fd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &l.Statx_t)
	})
	return err
}

func (l *lookup) inode() inode { return inode{l.Dev_major, l.Dev_minor, l.Ino} }

func (l *lookup) direntType() uint8 { return uint8(uint32(l.Mode) & unix.S_IFMT >> 12) }

// fill writes down what the look-up found.
func (l *lookup) fill(e *entry) {
	e.Type = kindOf(uint32(l.Mode) & unix.S_IFMT)
	if e.Type == "" {
		e.Type = kindUnknown
		e.Errors = append(e.Errors, fault{"stat", fmt.Sprintf("mode %o", l.Mode)})
		return
	}
	e.Mode = octal(uint32(l.Mode))
	uid, gid, seconds, nsec := l.Uid, l.Gid, l.Mtime.Sec, int64(l.Mtime.Nsec)
	nlink := uint64(l.Nlink)
	e.UID, e.GID, e.Mtime, e.Nsec, e.Nlink = &uid, &gid, &seconds, &nsec, &nlink
	if e.Type != kindDir {
		size := int64(l.Size)
		e.Size = &size
	}
	if e.Type == kindChar || e.Type == kindBlock {
		e.Rdev = fmt.Sprintf("%d:%d", l.Rdev_major, l.Rdev_minor)
	}
}

func octal(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }

func kindOf(mode uint32) string {
	switch mode {
	case unix.S_IFREG:
		return kindFile
	case unix.S_IFDIR:
		return kindDir
	case unix.S_IFLNK:
		return kindSymlink
	case unix.S_IFIFO:
		return kindFifo
	case unix.S_IFSOCK:
		return kindSocket
	case unix.S_IFCHR:
		return kindChar
	case unix.S_IFBLK:
		return kindBlock
	}
	return ""
}

// mountTable holds where mounts are, on a kernel that doesn't say it with each
// look-up (before Linux 5.8). Another device number says nothing: overlayfs
// and FUSE have several for one mount.
type mountTable map[string]bool

func readMounts(root string) (mountTable, error) {
	var look lookup
	if err := look.at(unix.AT_FDCWD, root, false); err != nil {
		return nil, fmt.Errorf("stat of %q: %w", root, err)
	}
	if look.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return nil, nil
	}
	real, err := filepath.Abs(root)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("looking for mounts on a kernel before 5.8: %w", err)
	}
	return parseMounts(info, real), nil
}

// has says if a mount begins at the path that was looked up.
func (m mountTable) has(l *lookup, path string) bool {
	if m != nil {
		return m[path]
	}
	return l.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
