package standin

import (
	_ "crypto/sha256" // go-digest accepts only algorithms that are linked in
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// tree reads the published tree below an open root. Names are relative to it;
// the root itself is "". No call follows a symlink in the last component.
type tree struct{ root int }

func openTree(dir string) (tree, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return tree{}, fmt.Errorf("opening tree %q: %w", dir, err)
	}
	return tree{fd}, nil
}

func at(name string) string {
	if name == "" {
		return "."
	}
	return name
}

func (t tree) lstat(name string, st *unix.Stat_t) error {
	return unix.Fstatat(t.root, at(name), st, unix.AT_SYMLINK_NOFOLLOW)
}

func (t tree) readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(t.root, at(name), buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// open is for regular files and directories. A FIFO that took the place of a
// file since must not block the server.
func (t tree) open(name string, flags int) (int, error) {
	return unix.Openat(t.root, at(name), flags|unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

// readdir lists a directory in the order of names.
func (t tree) readdir(name string) ([]os.DirEntry, error) {
	fd, err := t.open(name, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// inode numbers belong to paths, and to no more than a revision: hard links are
// broken, as CVMFS breaks those of a layer, and a listing needs no look-up.
func inode(name string, revision uint64) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, revision)
	_, _ = h.Write([]byte(name))
	return h.Sum64() | 1<<8 // clear of the small numbers that mean something to some kernel
}

// inodeOf is a path's inode number: what the kernel holds keeps it.
func (s *Server) inodeOf(name string) uint64 {
	if held := s.nodes.number(name); held != 0 {
		return held
	}
	return inode(name, s.revision.Load())
}

// typeBits turns the type in a listing into the S_IFMT bits of a mode.
func typeBits(mode os.FileMode) uint32 {
	switch {
	case mode.IsDir():
		return unix.S_IFDIR
	case mode&os.ModeSymlink != 0:
		return unix.S_IFLNK
	case mode&os.ModeNamedPipe != 0:
		return unix.S_IFIFO
	case mode&os.ModeSocket != 0:
		return unix.S_IFSOCK
	case mode&os.ModeCharDevice != 0:
		return unix.S_IFCHR
	case mode&os.ModeDevice != 0:
		return unix.S_IFBLK
	default:
		return unix.S_IFREG
	}
}

func join(dir, base string) string {
	if dir == "" {
		return base
	}
	if base == "" {
		return dir
	}
	return dir + "/" + base
}

func parent(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// beneath reports whether name is dir or in it.
func beneath(name, dir string) bool {
	return dir == "" || name == dir || strings.HasPrefix(name, dir+"/")
}

// layerOf gives the digest of the layer whose LayerDir holds name, or "".
func layerOf(name string) digest.Digest {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) < 3 || parts[0] != cvmfs.LayersDir {
		return ""
	}
	d := digest.NewDigestFromEncoded(digest.SHA256, parts[2])
	if dir, err := cvmfs.LayerDir(d); err != nil || !beneath(name, dir) {
		return ""
	}
	return d
}

// catalogueOf gives the root of the nested catalogue that name belongs to: the
// layer directory, or "" for the repository's root.
func catalogueOf(name string) string {
	d := layerOf(name)
	if d == "" {
		return ""
	}
	dir, err := cvmfs.LayerDir(d)
	if err != nil {
		return ""
	}
	if top := path.Join(dir, cvmfs.LayerFS); beneath(name, top) {
		return top
	}
	return ""
}
