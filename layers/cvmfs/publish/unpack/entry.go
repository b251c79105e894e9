package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	bufferSize = 256 << 10
	blockSize  = 4 << 10
)

var zeros [blockSize]byte

// directory makes a directory or takes over the one that is there.
func (u *unpacker) directory(p *parent, name string, m meta) error {
	var st unix.Stat_t
	err := unix.Fstatat(p.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	path := filepath.Join(p.path, name)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if err := u.remove(p, name); err != nil {
			return fmt.Errorf("replacing: %w", err)
		}
		if err := unix.Mkdirat(p.fd, name, workMode); err != nil {
			return fmt.Errorf("creating directory: %w", err)
		}
		delete(u.left, path)
	}
	u.dirs[path] = m
	return nil
}

// file makes a regular file of the tar's current content.
func (u *unpacker) file(p *parent, name string, m meta, size int64) error {
	fd, err := unix.Openat(p.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("creating file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if size > 0 {
		if err := u.content(f, size); err != nil {
			return err
		}
	}
	// After the content: a write clears setuid and setgid.
	if err := unix.Fchmod(fd, m.mode); err != nil {
		return fmt.Errorf("setting mode: %w", err)
	}
	if err := u.noteMode(fd, p, name, m.mode); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing file: %w", err)
	}
	return setTimes(p.fd, name, m.mtime)
}

// content copies, leaving blocks of zeros as holes: tars of sparse files come
// out of the reader with their holes filled, and may be huge.
func (u *unpacker) content(f *os.File, size int64) error {
	if u.buf == nil {
		u.buf = make([]byte, bufferSize)
	}
	// First, so that an absurd size is refused before it is read.
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("writing file: %w", err)
	}
	var offset int64
	for u.ctx.Err() == nil {
		n, err := io.ReadFull(u.tar, u.buf)
		for at := 0; at < n; at += blockSize {
			block := u.buf[at:min(at+blockSize, n)]
			if !bytes.Equal(block, zeros[:len(block)]) {
				if _, err := f.WriteAt(block, offset+int64(at)); err != nil {
					return fmt.Errorf("writing file: %w", err)
				}
			}
		}
		offset += int64(n)
		if errors.Is(err, io.EOF) || (errors.Is(err, io.ErrUnexpectedEOF) && offset == size) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading tar: %w", err)
		}
	}
	return u.ctx.Err()
}

// noteMode counts a file whose special bits the kernel dropped without an
// error, as it does for setgid and a group that the account is not in.
func (u *unpacker) noteMode(fd int, p *parent, name string, mode uint32) error {
	if mode&0o7000 == 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("reading mode: %w", err)
	}
	if st.Mode&0o7777 != mode {
		if u.Modes == 0 {
			u.FirstMode = filepath.Join(p.path, name)
		}
		u.Modes++
	}
	return nil
}

// link makes a hard link. A target that is a symlink is linked and not
// followed. The entry's own mode and times go to the file, as in an ordinary
// pull.
func (u *unpacker) link(p *parent, name string, m meta, linkname string) error {
	target, err := Clean(linkname)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", linkname, err)
	}
	// Opening the target's parent closes the one that we have.
	here := *p
	if here.fd, err = unix.FcntlInt(uintptr(p.fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return err
	}
	defer unix.Close(here.fd)

	from, err := u.parent(filepath.Dir(target))
	if err != nil {
		return fmt.Errorf("hard link to %q: opening parent directory: %w", linkname, err)
	}
	if u.left[filepath.Join(from.path, filepath.Base(target))] {
		u.leaveOut(&here, name)
		return nil
	}
	if err := unix.Linkat(from.fd, filepath.Base(target), here.fd, name, 0); err != nil {
		return fmt.Errorf("hard link to %q: %w", linkname, err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(here.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Fchmodat(here.fd, name, m.mode, 0); err != nil {
			return fmt.Errorf("setting mode: %w", err)
		}
	}
	return setTimes(here.fd, name, m.mtime)
}

// node makes a device or a FIFO. Only root may make devices, except the 0:0
// character device (Linux 5.8); what may not be made is left out and counted.
func (u *unpacker) node(p *parent, name string, m meta, kind uint32, dev int) error {
	err := unix.Mknodat(p.fd, name, kind|0o600, dev)
	if errors.Is(err, unix.EPERM) && kind != unix.S_IFIFO {
		u.leaveOut(p, name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating device: %w", err)
	}
	if err := unix.Fchmodat(p.fd, name, m.mode, 0); err != nil {
		return fmt.Errorf("setting mode: %w", err)
	}
	return setTimes(p.fd, name, m.mtime)
}

func (u *unpacker) leaveOut(p *parent, name string) {
	path := filepath.Join(p.path, name)
	if u.Devices == 0 {
		u.FirstDevice = path
	}
	u.Devices++
	u.left[path] = true
}
