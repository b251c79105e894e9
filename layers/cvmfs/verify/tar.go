package verify

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

const bufferSize = 256 << 10

// types are those of entries that make something new which is no directory.
var types = map[byte]uint32{
	tar.TypeReg: unix.S_IFREG, tar.TypeCont: unix.S_IFREG, tar.TypeGNUSparse: unix.S_IFREG,
	tar.TypeSymlink: unix.S_IFLNK, tar.TypeFifo: unix.S_IFIFO,
	tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK,
}

// readTar makes the model of a layer's tar: the tree that unpack.Tar would make.
func readTar(ctx context.Context, r io.Reader) (*model, error) {
	m := &model{root: newDir()}
	archive, buf := tar.NewReader(r), make([]byte, bufferSize)
	for ctx.Err() == nil {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			m.unmark()
			return m, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading tar: %w", err)
		}
		if err := m.entry(h, archive, buf); err != nil {
			return nil, fmt.Errorf("reading entry %q: %w", h.Name, err)
		}
	}
	return nil, ctx.Err()
}

// unmark forgets a file in the place of the catalogue's marker, which the
// publisher has put there.
func (m *model) unmark() {
	if n := m.root.children[cvmfs.CatalogFile]; n != nil && !n.isDir() {
		delete(m.root.children, cvmfs.CatalogFile)
	}
}

func (m *model) entry(h *tar.Header, content io.Reader, buf []byte) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	m.paths++
	name, err := unpack.Clean(h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		if h.Typeflag != tar.TypeDir {
			return fmt.Errorf("%w: type %q for the layer's root", unpack.ErrEntry, h.Typeflag)
		}
		m.root.describe(h)
		return nil
	}
	parent, err := m.parent(filepath.Dir(name))
	if err != nil {
		return err
	}
	base := filepath.Base(name)
	if h.Typeflag == tar.TypeDir {
		if old := parent.children[base]; old == nil || !old.isDir() {
			parent.children[base] = newDir()
		}
		parent.children[base].describe(h)
		return nil
	}
	delete(parent.children, base)
	if unpack.IsLinkedWhiteout(h, base) {
		// Publishers create an empty file, and differ in its mode and time.
		n := &node{mode: unix.S_IFREG, implied: true}
		sha256.New().Sum(n.sum[:0])
		parent.children[base] = n
		return nil
	}
	if h.Typeflag == tar.TypeLink {
		return m.link(parent, base, h)
	}
	kind, known := types[h.Typeflag]
	if !known {
		return fmt.Errorf("%w: type %q", unpack.ErrEntry, h.Typeflag)
	}
	n := &node{mode: kind}
	n.describe(h)
	switch kind {
	case unix.S_IFREG:
		sum := sha256.New()
		if n.size, err = io.CopyBuffer(sum, content, buf); err != nil {
			return err
		}
		sum.Sum(n.sum[:0])
	case unix.S_IFLNK:
		n.target = h.Linkname
	case unix.S_IFCHR, unix.S_IFBLK:
		n.size = int64(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))
	}
	parent.children[base] = n
	return nil
}

// describe takes the metadata of an entry over.
func (n *node) describe(h *tar.Header) {
	n.implied = false
	n.mtime = h.ModTime.Unix()
	n.mode = n.kind() | uint32(h.Mode&0o7777)
}

// link gives a file one more name. The entry's own mode and time go to the
// file, and so to all its names; a symbolic link has no mode.
func (m *model) link(parent *node, base string, h *tar.Header) error {
	name, err := unpack.Clean(h.Linkname)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	from, err := m.parent(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	n := from.children[filepath.Base(name)]
	if n == nil || n.isDir() {
		return fmt.Errorf("%w: hard link to %q, which is no file of the layer", unpack.ErrEntry, h.Linkname)
	}
	n.describe(h)
	parent.children[base] = n
	return nil
}
