package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
)

const (
	nothing     = "nothing"
	notReadable = "not readable by this account"
)

// errSearch says that the account may not look names up in a directory.
var errSearch = errors.New("directory is not searchable")

// entry compares one name of a directory with what should be there.
func (c *comparison) entry(dir int, name, at string, want *node) ([]Difference, error) {
	// Without reading: what it is decides whether it may be opened.
	fd, err := beneath.Step(dir, name, unix.O_PATH|unix.O_NOFOLLOW)
	switch {
	case errors.Is(err, unix.EXDEV):
		return []Difference{c.difference(at, Type, "mount point", kindName(want.mode))}, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return []Difference{c.difference(at, Missing, nothing, kindName(want.mode))}, nil
	case errors.Is(err, unix.EACCES):
		return nil, errSearch
	case err != nil:
		return nil, fmt.Errorf("opening %q: %w", at, cvmfs.FromFS(err))
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if _, err := beneath.Retry(func() (int, error) { return 0, unix.Fstat(fd, &st) }); err != nil {
		return nil, fmt.Errorf("reading %q: %w", at, cvmfs.FromFS(err))
	}
	if st.Mode&unix.S_IFMT != want.kind() {
		return []Difference{c.difference(at, Type, kindName(st.Mode), kindName(want.mode))}, nil
	}
	out := c.metadata(at, &st, want)
	var more []Difference
	switch want.kind() {
	case unix.S_IFREG:
		more, err = c.file(fd, at, st.Size, want)
	case unix.S_IFLNK:
		more, err = c.symlink(dir, name, at, want)
	case unix.S_IFCHR, unix.S_IFBLK:
		if uint64(want.size) != st.Rdev {
			more = append(more, c.difference(at, Device, number(st.Rdev), number(uint64(want.size))))
		}
	}
	return append(out, more...), err
}

func (c *comparison) metadata(at string, st *unix.Stat_t, want *node) []Difference {
	if want.implied {
		return nil
	}
	var out []Difference
	if have, should := st.Mode&0o7777, want.mode&0o7777; have != should && want.kind() != unix.S_IFLNK {
		d := c.difference(at, Mode, fmt.Sprintf("%04o", have), fmt.Sprintf("%04o", should))
		added := uint32(0o444)
		if want.isDir() {
			added = 0o555
		}
		d.worldReadable = have == should|added
		out = append(out, d)
	}
	if st.Mtim.Sec != want.mtime {
		out = append(out, c.difference(at, Time, clock(st.Mtim.Sec), clock(want.mtime)))
	}
	return out
}

func (c *comparison) symlink(dir int, name, at string, want *node) ([]Difference, error) {
	target, err := beneath.Readlink(dir, name, c.client)
	if err != nil {
		return nil, fmt.Errorf("reading link %q: %w", at, cvmfs.FromFS(err))
	}
	if string(target) == want.target {
		return nil, nil
	}
	return []Difference{c.difference(at, Target, strconv.Quote(string(target)), strconv.Quote(want.target))}, nil
}

// file compares the content of a regular file, open with O_PATH. Of one whose
// size is wrong the content is wrong too, and not read.
func (c *comparison) file(fd int, at string, size int64, want *node) ([]Difference, error) {
	if size != want.size {
		return []Difference{c.difference(at, Size, decimal(size), decimal(want.size))}, nil
	}
	n, sum, err := c.read(fd, want.size)
	switch {
	case errors.Is(err, unix.EACCES):
		return []Difference{c.difference(at, Unreadable, notReadable, "file")}, nil
	case errors.Is(err, unix.EIO) && c.fail():
		return []Difference{c.difference(at, Failed, unix.EIO.Error(), "file")}, nil
	case err != nil:
		return nil, fmt.Errorf("reading %q: %w", at, cvmfs.FromFS(err))
	case n > want.size: // it has grown meanwhile
		return []Difference{c.difference(at, Size, "more than "+decimal(want.size), decimal(want.size))}, nil
	case n < want.size:
		return []Difference{c.difference(at, Size, decimal(n), decimal(want.size))}, nil
	case sum != want.sum:
		return []Difference{c.difference(at, Content, fmt.Sprintf("sha256:%x", sum), fmt.Sprintf("sha256:%x", want.sum))}, nil
	}
	return nil, nil
}

// fail counts a file that the repository did not give, and says whether to go on.
func (c *comparison) fail() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
	return c.failures <= maxFailures
}

// read sums up a file that is open with O_PATH, of which no more than one byte
// beyond size is read: it may have no end.
func (c *comparison) read(fd int, size int64) (n int64, sum [sha256.Size]byte, err error) {
	in, _, err := beneath.Regular(fd)
	if err != nil {
		return 0, sum, err
	}
	if err := unix.SetNonblock(in, false); err != nil { // else the runtime polls it, and a FUSE server is asked to
		unix.Close(in)
		return 0, sum, err
	}
	f := os.NewFile(uintptr(in), "")
	defer f.Close()
	buf, _ := c.buffers.Get().(*[bufferSize]byte)
	if buf == nil {
		buf = new([bufferSize]byte)
	}
	defer c.buffers.Put(buf)
	hash := sha256.New()
	n, err = io.CopyBuffer(hash, until{c.ctx, io.LimitReader(f, size+1)}, buf[:])
	hash.Sum(sum[:0])
	c.mu.Lock()
	c.bytes += n
	c.mu.Unlock()
	return n, sum, err
}

// until reads until the context ends.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

func kindName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symlink"
	case unix.S_IFCHR:
		return "character device"
	case unix.S_IFBLK:
		return "block device"
	case unix.S_IFIFO:
		return "FIFO"
	case unix.S_IFSOCK:
		return "socket"
	default:
		return fmt.Sprintf("type %#o", mode&unix.S_IFMT)
	}
}

func number(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func clock(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
