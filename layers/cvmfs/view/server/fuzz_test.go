package server

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// FuzzRequests makes a stack of layers and puts requests to a view of it, as
// the kernel does and as it never would: every answer must be the model's, and
// nothing may be left when the kernel has forgotten all.
func FuzzRequests(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 32 {
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := openFiles(t)
		s := script(data)
		u := generate(t, &s)
		k := newKernel(t, u)
		for len(s) > 0 && !t.Failed() {
			k.request(&s)
		}
		if !t.Failed() {
			k.compare(fuse.FUSE_ROOT_ID, u.want, u.whole, u.beneath)
		}
		k.forgetAll()
		if n := len(u.table.nodes); n != 1 || len(u.table.links) > 0 {
			t.Errorf("all is forgotten, and %d nodes are left, %d links", n, len(u.table.links))
		}
		u.close()
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors were open, %d are", before, after)
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// known is a node that the kernel has been told of.
type known struct {
	want *branch // nil for a whiteout
	name string
	refs uint64
}

// kernel puts requests and checks the answers.
type kernel struct {
	*testing.T
	*subject
	nodes map[uint64]*known
	order []uint64 // all ids ever told, forgotten ones too
}

func newKernel(t *testing.T, u *subject) *kernel {
	return &kernel{
		T: t, subject: u, order: []uint64{fuse.FUSE_ROOT_ID},
		nodes: map[uint64]*known{fuse.FUSE_ROOT_ID: {want: u.want, refs: 1}},
	}
}

// request puts one request.
func (k *kernel) request(s *script) {
	id := k.order[s.below(len(k.order)%256+1)%len(k.order)]
	switch s.below(16) {
	case 0: // no node's, or not yet
		id = []uint64{0, uint64(s.next()), 1 << 63, id + 1}[s.below(4)]
	case 1, 2, 3:
		id = k.order[len(k.order)-1]
	}
	switch s.below(10) {
	case 0, 1, 2:
		k.lookup(id, k.name(s))
	case 3:
		k.getattr(id)
	case 4:
		k.readdir(id, uint64(s.below(30)), 1<<(4+s.below(9)))
	case 5:
		k.readdirplus(id, uint64(s.below(30)), 1<<(4+s.below(9)))
	case 6:
		k.readlink(id)
	case 7:
		offset := uint64(s.below(3) * 5000)
		if s.below(8) == 0 {
			offset = binary.LittleEndian.Uint64([]byte{s.next(), s.next(), 0, 0, 0, 0, s.next(), s.next()})
		}
		k.read(id, offset, s.below(200)*s.below(100))
	case 8:
		k.xattr(id, []string{"user.overlay.opaque", "trusted.overlay.opaque", "security.capability", "user.x", "", "system.posix_acl_access"}[s.below(6)], s.below(4))
	case 9:
		k.forget(id, uint64(1+s.below(3)))
	}
}

// name is one to look up.
func (k *kernel) name(s *script) string {
	if s.below(12) == 0 {
		return []string{"", ".", "..", "a/b", "a\x00", "/", longName + "n"}[s.below(7)]
	}
	return names[s.below(len(names))]
}

// lookup gives the id of a name, 0 if there is none.
func (k *kernel) lookup(id uint64, name string) uint64 {
	var out fuse.EntryOut
	got := k.Lookup(nil, &fuse.InHeader{NodeId: id}, name, &out)
	parent := k.nodes[id]
	if !k.dir(id) {
		k.status("lookup", id, got, fuse.Status(unix.ESTALE))
		return 0
	}
	if !k.status("lookup", id, got, fuse.OK) {
		return 0
	}
	if parent.want.names[name] == nil && out.NodeId == 0 {
		return 0
	}
	return k.told(id, name, &out)
}

// told takes what the view says of a name that it makes known.
func (k *kernel) told(id uint64, name string, out *fuse.EntryOut) uint64 {
	want := k.nodes[id].want.names[name]
	if want == nil && (out.Mode != unix.S_IFCHR || out.Rdev != 0 || len(k.below) == 0) || want != nil && out.NodeId == 0 {
		k.Errorf("lookup %q in node %d: node %d of mode %o, want %+v", name, id, out.NodeId, out.Mode, want)
		return 0
	}
	n := k.nodes[out.NodeId]
	if n == nil {
		if slices.Contains(k.order, out.NodeId) {
			k.Errorf("lookup %q in node %d: node %d has been another's", name, id, out.NodeId)
		}
		n = &known{want: want, name: name}
		k.nodes[out.NodeId] = n
		k.order = append(k.order, out.NodeId)
	}
	// Two names of one file are one node.
	if n.want != want && (want == nil || n.want == nil || n.want.item != want.item) {
		k.Errorf("lookup %q in node %d: node %d, which is %q", name, id, out.NodeId, n.name)
	}
	n.refs++
	k.attributes(&out.Attr, want)
	return out.NodeId
}

// dir says whether the kernel knows a node as a directory.
func (k *kernel) dir(id uint64) bool {
	n := k.nodes[id]
	return n != nil && n.want != nil && n.want.is(unix.S_IFDIR)
}

func (k *kernel) status(what string, id uint64, got, want fuse.Status) bool {
	k.Helper()
	if got != want {
		k.Errorf("%s of node %d: %v, want %v", what, id, got, want)
	}
	return got == want
}

func (k *kernel) attributes(a *fuse.Attr, want *branch) {
	k.Helper()
	if want == nil {
		return
	}
	mode := want.mode
	if want.is(unix.S_IFREG) { // without its owner
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	switch {
	case a.Mode != mode, a.Rdev != uint32(want.rdev), a.Uid != 7, a.Gid != 8,
		!want.is(unix.S_IFDIR) && (a.Nlink != want.links || a.Size != uint64(len(want.text))):
		k.Errorf("got mode %o device %d owner %d:%d size %d of %d names, want mode %o device %d size %d of %d names",
			a.Mode, a.Rdev, a.Uid, a.Gid, a.Size, a.Nlink, mode, want.rdev, len(want.text), want.links)
	}
}

func (k *kernel) getattr(id uint64) fuse.Attr {
	var out fuse.AttrOut
	got := k.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: id}}, &out)
	if k.nodes[id] == nil {
		k.status("getattr", id, got, fuse.Status(unix.ESTALE))
	} else if k.status("getattr", id, got, fuse.OK) {
		k.attributes(&out.Attr, k.nodes[id].want)
	}
	return out.Attr
}

func (k *kernel) readlink(id uint64) {
	text, got := k.Readlink(nil, &fuse.InHeader{NodeId: id})
	n := k.nodes[id]
	switch {
	case n != nil && n.want != nil && n.want.is(unix.S_IFLNK):
		if k.status("readlink", id, got, fuse.OK) && string(text) != n.want.text {
			k.Errorf("link %q leads to %q, want %q", n.name, text, n.want.text)
		}
	case got == fuse.OK:
		k.Errorf("readlink of node %d, which is none: %q", id, text)
	}
}

func (k *kernel) read(id, offset uint64, size int) {
	result, got := k.Read(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}, Offset: offset, Size: uint32(size)}, make([]byte, size))
	n := k.nodes[id]
	switch {
	case n == nil:
		k.status("read", id, got, fuse.Status(unix.ESTALE))
	case n.want == nil || !n.want.is(unix.S_IFREG):
		k.status("read", id, got, fuse.EIO)
	case offset > 1<<63-1:
		k.status("read", id, got, fuse.EINVAL)
	default:
		if !k.status("read", id, got, fuse.OK) {
			return
		}
		data, _ := result.Bytes(nil)
		rest := n.want.text[min(offset, uint64(len(n.want.text))):]
		if want := rest[:min(len(rest), size)]; string(data) != want {
			k.Errorf("reading %q from %d on: %d bytes %.20q, want %d %.20q", n.name, offset, len(data), data, len(want), want)
		}
	}
}

func (k *kernel) xattr(id uint64, attr string, room int) string {
	buf := make([]byte, room)
	size, got := k.GetXAttr(nil, &fuse.InHeader{NodeId: id}, attr, buf)
	opaque := got == fuse.OK && strings.HasSuffix(attr, ".overlay.opaque") && size == 1 && len(k.below) > 0 && k.dir(id)
	refused := []fuse.Status{fuse.ENOSYS, fuse.ENOATTR, fuse.Status(unix.EOPNOTSUPP), fuse.Status(unix.ESTALE)}
	if !opaque && !slices.Contains(refused, got) {
		k.Errorf("attribute %q of node %d: %d bytes, %v", attr, id, size, got)
	}
	if names, got := k.ListXAttr(nil, &fuse.InHeader{NodeId: id}, buf); k.nodes[id] != nil && (got != fuse.OK || names != 0) {
		k.Errorf("attributes of node %d: %d bytes, %v", id, names, got)
	}
	return string(buf[:min(int(size), room)])
}

func (k *kernel) forget(id, lookups uint64) {
	k.Forget(id, lookups)
	n := k.nodes[id]
	if n == nil || id == fuse.FUSE_ROOT_ID {
		return
	}
	if n.refs -= min(n.refs, lookups); n.refs == 0 {
		delete(k.nodes, id)
	}
}

func (k *kernel) forgetAll() {
	for _, id := range k.order {
		k.forget(id, 1<<40)
	}
}
