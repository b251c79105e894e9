package server

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// liar serves a repository whose listings, attributes and contents need not
// agree with each other.
type liar struct {
	fuse.RawFileSystem
	mu    sync.Mutex
	nodes map[uint64]*lie
}

// lie is one name.
type lie struct {
	mode     uint32 // as a look-up says
	listed   uint32 // as the directory says, if not the same
	size     uint64
	text     string // contents, or a link's target
	denied   fuse.Status
	children map[string]*lie
	endless  bool // a directory that holds itself
	names    int  // as many more names in a directory, each of this file
	ino      uint64
	nlink    uint32
	reads    fuse.Status // what a read gives, if not the text
	asked    atomic.Int32

	once sync.Once
	list []fuse.DirEntry // in an order that stays
}

func file(text string) *lie {
	return &lie{mode: unix.S_IFREG | 0o644, size: uint64(len(text)), text: text}
}

func directory(children map[string]*lie) *lie {
	return &lie{mode: unix.S_IFDIR | 0o755, children: children}
}

// serveLies mounts a repository with one layer, and gives the layer's path.
func serveLies(t *testing.T, layer *lie) string {
	t.Helper()
	name, err := cvmfs.LayerDir(digest.FromString("lies"))
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(name, cvmfs.LayerFS)
	root := layer
	parts := strings.Split(name, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		root = directory(map[string]*lie{parts[i]: root})
	}
	dir := t.TempDir()
	fs := &liar{RawFileSystem: fuse.NewDefaultRawFileSystem(), nodes: map[uint64]*lie{fuse.FUSE_ROOT_ID: root}}
	server, err := fuse.NewServer(fs, dir, &fuse.MountOptions{DirectMountStrict: true, DisableReadDirPlus: true, Name: "lies"})
	if err != nil {
		t.Fatalf("this test needs root, to mount: %v", err)
	}
	go server.Serve()
	t.Cleanup(func() {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		server.Wait()
	})
	if err := server.WaitMount(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

func (l *liar) get(id uint64) *lie {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nodes[id]
}

func (l *liar) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent := l.get(h.NodeId)
	child := parent.children[name]
	if parent.endless && child == nil && name == "again" {
		child = parent
	}
	if child == nil {
		return fuse.ENOENT
	}
	if child.denied != fuse.OK {
		return child.denied
	}
	l.mu.Lock()
	id := uint64(len(l.nodes) + 1)
	l.nodes[id] = child
	l.mu.Unlock()
	out.NodeId = id
	child.attr(id, &out.Attr)
	return fuse.OK
}

func (l *liar) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	l.get(in.NodeId).attr(in.NodeId, &out.Attr)
	return fuse.OK
}

func (c *lie) attr(id uint64, out *fuse.Attr) {
	out.Ino, out.Mode, out.Size, out.Nlink = id, c.mode, c.size, max(c.nlink, 1)
	if c.ino != 0 {
		out.Ino = c.ino
	}
}

func (l *liar) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (l *liar) Read(_ <-chan struct{}, in *fuse.ReadIn, _ []byte) (fuse.ReadResult, fuse.Status) {
	n := l.get(in.NodeId)
	n.asked.Add(1)
	if n.reads != fuse.OK {
		return nil, n.reads
	}
	text := n.text
	text = text[min(in.Offset, uint64(len(text))):]
	return fuse.ReadResultData([]byte(text[:min(len(text), int(in.Size))])), fuse.OK
}

func (l *liar) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	return []byte(l.get(h.NodeId).text), fuse.OK
}

// GetXAttr is a CVMFS client's.
func (l *liar) GetXAttr(_ <-chan struct{}, h *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	n, value := l.get(h.NodeId), ""
	switch {
	case attr == "user.catalog_counters":
		value = "catalog_hash: 0123456789abcdef\n"
	case attr == "xfsroot.rawlink" && n.mode&unix.S_IFMT == unix.S_IFLNK:
		value = n.text
	default:
		return 0, fuse.ENOATTR
	}
	return copyAttr([]byte(value), dest)
}

func (l *liar) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.NameLen = 4096, 0 // as a CVMFS client
	return fuse.OK
}

func (l *liar) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.OK }

func (l *liar) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	n := l.get(in.NodeId)
	n.once.Do(func() {
		n.list = []fuse.DirEntry{{Name: ".", Mode: unix.S_IFDIR}, {Name: "..", Mode: unix.S_IFDIR}}
		if n.endless {
			n.list = append(n.list, fuse.DirEntry{Name: "again", Mode: unix.S_IFDIR})
		}
		for i := range n.names {
			n.list = append(n.list, fuse.DirEntry{Name: strconv.Itoa(i), Mode: unix.S_IFREG})
		}
		for name, child := range n.children {
			kind := child.mode
			if child.listed != 0 {
				kind = child.listed
			}
			n.list = append(n.list, fuse.DirEntry{Name: name, Mode: kind &^ 0o7777})
		}
	})
	for i := in.Offset; i < uint64(len(n.list)); i++ {
		e := n.list[i]
		if e.Off = i + 1; !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}
