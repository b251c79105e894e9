package main

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"golang.org/x/sys/unix"
)

// openDirs bounds the directories that are open at once: a path of 4096 bytes
// and more may have thousands of components.
const openDirs = 64

// A walker goes from an open directory to one name in it: that reaches paths
// of any length, and follows no link.
type walker struct {
	out    *writer
	pruned paths
	mounts mountTable
	first  map[inode]string // the first path of each inode, quoted; not of directories
	cwd    *dir             // for the calls that take no directory
	buf    []byte
}

// inode tells files apart. On overlayfs, files and directories of one tree may
// have different devices.
type inode struct {
	major, minor uint32
	number       uint64
}

// dir is a directory on the way from the root to where the walk is.
type dir struct {
	name   string
	parent *dir
	depth  int
	fd     int // -1: not open now
}

func capture(out io.Writer, root string, pruned paths) error {
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", root, err)
	}
	defer unix.Close(fd)
	if here, err := unix.Open(".", unix.O_PATH|unix.O_CLOEXEC, 0); err == nil { // and later not stay in the tree
		defer func() { unix.Fchdir(here); unix.Close(here) }()
	}
	mounts, err := readMounts(root)
	if err != nil {
		return err
	}
	record, err := newWriter(out, "capture", captureFields)
	if err != nil {
		return err
	}
	w := &walker{out: record, pruned: pruned, mounts: mounts, first: map[inode]string{}, buf: make([]byte, blockSize)}
	if err := w.enter(&dir{fd: fd}, "/"); err != nil {
		return err
	}
	return record.end()
}

// enter records the open directory d and what is in it. An error ends the walk:
// the record would not be true.
func (w *walker) enter(d *dir, path string) error {
	e := &entry{Path: quote(path)}
	var look lookup
	if err := look.at(d.fd, ".", true); err != nil {
		return fmt.Errorf("stat of open directory %q: %w", path, err)
	}
	look.fill(e)
	recordXattrs(e, openXattrs(d.fd))
	list, faults := listDir(d.fd, w.buf)
	e.Errors = append(e.Errors, faults...)
	if err := w.out.write(e); err != nil {
		return err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	for i := 0; i < len(list); {
		same := i + 1
		for same < len(list) && list[same].name == list[i].name {
			same++
		}
		if err := w.visit(d, path, list[i:same]); err != nil {
			return err
		}
		i = same
	}
	return nil
}

// visit records one name of a directory, listed once as a rule, and what is
// beneath it.
func (w *walker) visit(d *dir, path string, listed []dirent) error {
	name := listed[0].name
	path = clean(path + "/" + name)
	if w.pruned[path] {
		return nil
	}
	if err := w.open(d); err != nil {
		return fmt.Errorf("opening the directory of %q again: %w", path, err)
	}
	e := &entry{Path: quote(path)}
	var look lookup
	err := look.at(d.fd, name, false)
	switch {
	case errors.Is(err, unix.ENOENT):
		e.Type = kindGhost
	case err != nil:
		e.Type = kindUnknown
		e.Errors = []fault{failure("stat", err)}
	case w.mounts.has(&look, path):
		e.Type = kindMount
	default:
		look.fill(e)
	}
	if e.Type != kindGhost && e.Type != kindUnknown {
		e.Errors = append(e.Errors, contradictions(listed, look.direntType())...)
	}
	if len(listed) > 1 {
		e.Errors = append(e.Errors, fault{"readdir", "listed twice"})
	}
	switch e.Type {
	case kindGhost, kindUnknown, kindMount:
		return w.out.write(e)
	case kindDir:
		return w.descend(d, name, path, e)
	}
	return w.leaf(d, name, e, &look)
}

// descend goes into a directory; one that cannot be opened is recorded as e.
func (w *walker) descend(d *dir, name, path string, e *entry) error {
	fd, err := openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		e.Errors = append(e.Errors, failure("open", err))
		if err := w.xattrs(e, d, name); err != nil {
			return err
		}
		return w.out.write(e)
	}
	child := &dir{name: name, parent: d, depth: d.depth + 1, fd: fd}
	if child.depth > openDirs {
		child.ancestor(child.depth - openDirs).close()
	}
	defer child.close()
	defer w.leave(child)
	return w.enter(child, path)
}

// leaf records what is no directory.
func (w *walker) leaf(d *dir, name string, e *entry, look *lookup) error {
	if first, ok := w.first[look.inode()]; ok {
		e.Group = first
	} else {
		w.first[look.inode()] = e.Path
	}
	if err := w.xattrs(e, d, name); err != nil {
		return err
	}
	switch e.Type {
	case kindFile:
		w.content(e, d, name)
	case kindSymlink:
		w.target(e, d, name)
	}
	return w.out.write(e)
}

func (w *walker) target(e *entry, d *dir, name string) {
	n, err := unix.Readlinkat(d.fd, name, w.buf)
	if err != nil {
		e.Errors = append(e.Errors, failure("readlink", err))
		return
	}
	target := quote(string(w.buf[:n]))
	e.Target = &target
}

// ancestor is the directory at a depth on the way to d; never the root.
func (d *dir) ancestor(depth int) *dir {
	for d.depth > depth {
		d = d.parent
	}
	return d
}

func (d *dir) close() {
	if d.fd >= 0 && d.parent != nil {
		unix.Close(d.fd)
		d.fd = -1
	}
}

// open opens d again, if it was closed, from its nearest open ancestor, and
// leaves those open that will be needed next.
func (w *walker) open(d *dir) error {
	if d.fd >= 0 {
		return nil
	}
	if err := w.open(d.parent); err != nil {
		return err
	}
	fd, err := openat(d.parent.fd, d.name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	d.fd = fd
	if d.depth > openDirs {
		d.ancestor(d.depth - openDirs).close()
	}
	return nil
}

func openat(fd int, name string, flags int) (int, error) {
	return retry(func() (int, error) {
		return unix.Openat(fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

// retry asks again if a signal came between, such as the Go runtime's own.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func failure(call string, err error) fault {
	var errno unix.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return fault{call, name}
		}
	}
	return fault{call, err.Error()}
}
