package verify

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

// maxLinks ends the search for a directory behind links that lead to links.
const maxLinks = 255

// node is a file as the tar describes it. A hard link is one more name of the
// same node.
type node struct {
	mode     uint32            // type and permissions, as in stat(2)
	implied  bool              // a directory that no entry describes
	mtime    int64             // seconds
	size     int64             // bytes of a regular file, number of a device
	sum      [sha256.Size]byte // of a regular file's content
	target   string            // of a symbolic link
	children map[string]*node  // of a directory
}

func newDir() *node {
	return &node{mode: unix.S_IFDIR, implied: true, children: map[string]*node{}}
}

func (n *node) kind() uint32 { return n.mode & unix.S_IFMT }

func (n *node) isDir() bool { return n.kind() == unix.S_IFDIR }

// model is a layer's tree.
type model struct {
	root  *node
	paths int // entries of the tar
}

// parent gives the directory of that name, a clean relative path, and makes
// what is missing of it.
func (m *model) parent(name string) (*node, error) {
	path, err := m.resolve(name)
	if err != nil {
		return nil, err
	}
	dir := m.root
	for _, part := range path {
		next := dir.children[part]
		if next == nil {
			next = newDir()
			dir.children[part] = next
		}
		if !next.isDir() {
			return nil, fmt.Errorf("%w: %q is not a directory", unpack.ErrEntry, part)
		}
		dir = next
	}
	return dir, nil
}

// resolve follows the symbolic links in a path as if the layer were the root
// file system. What is not there is taken as it is written, as
// filepath-securejoin does it for package unpack.
func (m *model) resolve(name string) ([]string, error) {
	var path []string
	at := []*node{m.root} // the node of each prefix of path, nil if it is not there
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(path) > 0 {
				path, at = path[:len(path)-1], at[:len(at)-1]
			}
			continue
		}
		var next *node
		if dir := at[len(at)-1]; dir != nil {
			next = dir.children[part]
		}
		if next == nil || next.kind() != unix.S_IFLNK {
			path, at = append(path, part), append(at, next)
			continue
		}
		if links++; links > maxLinks {
			return nil, fmt.Errorf("following %q: %w", name, unix.ELOOP)
		}
		if strings.HasPrefix(next.target, "/") {
			path, at = nil, at[:1]
		}
		rest = append(strings.Split(next.target, "/"), rest...)
	}
	return path, nil
}
