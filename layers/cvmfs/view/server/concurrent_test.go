package server

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Many look, read and forget at the same time, and each sees what it would
// alone. The race detector is what this is for.
func TestConcurrently(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, 4000)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	data[0], data[1] = 3, 3 // four layers, on one directory
	s := script(data)
	u := generate(t, &s)
	defer u.close()
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 4 {
				walk(t, u, fuse.FUSE_ROOT_ID, u.want)
			}
		}()
	}
	all.Wait()
	if n := len(u.table.nodes); n != 1 || len(u.table.links) > 0 {
		t.Errorf("all is forgotten, and %d nodes are left, %d links", n, len(u.table.links))
	}
}

// walk looks at a directory and all that is in it, and forgets it.
func walk(t *testing.T, u *subject, id uint64, want *branch) {
	list := fuse.NewDirEntryList(make([]byte, 1<<16), 0)
	if got := u.ReadDir(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}}, list); got != fuse.OK {
		t.Errorf("listing node %d: %v", id, got)
	}
	for name, b := range want.names {
		var out fuse.EntryOut
		if got := u.Lookup(nil, &fuse.InHeader{NodeId: id}, name, &out); got != fuse.OK || out.NodeId == 0 || out.Mode != b.mode {
			t.Errorf("%q: node %d of mode %o, %v, want %o", name, out.NodeId, out.Mode, got, b.mode)
			continue
		}
		if b.names != nil {
			walk(t, u, out.NodeId, b)
		}
		in := &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: out.NodeId}, Size: 1 << 16}
		result, got := u.Read(nil, in, make([]byte, 1<<16))
		if got == fuse.OK {
			if text, _ := result.Bytes(nil); string(text) != b.text {
				t.Errorf("%q holds %d bytes, want %d", name, len(text), len(b.text))
			}
		}
		u.Forget(out.NodeId, 1)
	}
}
