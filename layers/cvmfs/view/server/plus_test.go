package server

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// listed says how many names of a directory come with attributes.
func listed(t *testing.T, v *View, id uint64) (known int) {
	t.Helper()
	buf := fuse.NewDirEntryList(make([]byte, 1<<16), 0)
	if got := v.ReadDirPlus(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}}, buf); got != fuse.OK {
		t.Fatal(got)
	}
	_, outs, err := fuse.ParseDirLookupEntries(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range outs {
		if out.NodeId != 0 {
			known++
		}
	}
	return known
}

// Who asks for files after listing their directory gets the next directories with
// attributes; who walks over directories only does not; who has looked for a name
// before does at once.
func TestReadDirPlus(t *testing.T) {
	layer := layerDirectory(t, "layer")
	dir := func(i int) string { return fmt.Sprintf("d%02d", i) }
	for i := range 2*plusDirs + 4 {
		must(t, os.MkdirAll(filepath.Join(layer, dir(i), "below"), 0o755),
			os.WriteFile(filepath.Join(layer, dir(i), "file"), nil, 0o644))
	}
	v := viewOf(t, layer)
	v.plusTime = time.Hour
	if got := listed(t, v, fuse.FUSE_ROOT_ID); got != 0 {
		t.Errorf("the root comes with %d attributes", got)
	}
	id := func(i int) uint64 {
		out, _ := lookUp(v, fuse.FUSE_ROOT_ID, dir(i))
		return out.NodeId
	}
	i := 0
	for ; i < 2; i++ {
		if got := listed(t, v, id(i)); got != 0 {
			t.Errorf("%s comes with %d attributes", dir(i), got)
		}
		lookUp(v, id(i), "below")
	}
	lookUp(v, id(i-1), "file")
	for ; i < 2+plusDirs; i++ {
		if got := listed(t, v, id(i)); got != 2 {
			t.Errorf("%s, of a walk, comes with %d attributes", dir(i), got)
		}
	}
	for ; i < 4+plusDirs; i++ {
		if got := listed(t, v, id(i)); got != 0 {
			t.Errorf("%s, after the walk, comes with %d attributes", dir(i), got)
		}
	}
	lookUp(v, id(i), "none")
	if got := listed(t, v, id(i)); got != 2 {
		t.Errorf("%s, where a name was looked up, comes with %d attributes", dir(i), got)
	}
	out, _ := lookUp(v, id(i), "file")
	v.Forget(out.NodeId, 1)
	if v.table.get(out.NodeId) == nil {
		t.Error("the listing's look-up does not count")
	}
	v.plusTime = 0
	if got := listed(t, v, id(i)); got > 0 {
		t.Errorf("after the time for attributes %d come", got)
	}
}
