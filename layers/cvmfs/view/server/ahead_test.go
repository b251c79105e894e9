package server

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// What a start looks into is listed before anybody asks, stays known, and is what
// a look-up gives.
func TestListAhead(t *testing.T) {
	upper, lower := layerDirectory(t, "upper"), layerDirectory(t, "lower")
	must(t, os.MkdirAll(filepath.Join(upper, "usr/bin"), 0o755), os.MkdirAll(filepath.Join(lower, "usr/bin/deep"), 0o755),
		os.MkdirAll(filepath.Join(lower, "home"), 0o755), os.Symlink("usr/bin", filepath.Join(upper, "bin")))
	v := viewOf(t, upper, lower)
	v.listAhead()
	must(t, os.RemoveAll(filepath.Join(lower, "usr")))
	id := uint64(fuse.FUSE_ROOT_ID)
	for _, name := range []string{"usr", "bin"} {
		out, got := lookUp(v, id, name)
		if got != fuse.OK || out.NodeId == 0 {
			t.Fatalf("%q: node %d, %v", name, out.NodeId, got)
		}
		v.Forget(out.NodeId, 1)
		if again, _ := lookUp(v, id, name); again.NodeId != out.NodeId {
			t.Errorf("%q: node %d and then %d", name, out.NodeId, again.NodeId)
		}
		if id = out.NodeId; v.table.get(id).listing.Load() == nil {
			t.Errorf("%q is not listed", name)
		}
	}
	if l := v.table.get(id).listing.Load(); l == nil || l.find("deep") == nil {
		t.Error("the lower layer's directory was not listed ahead")
	}
	home, _ := lookUp(v, fuse.FUSE_ROOT_ID, "home")
	if v.table.get(home.NodeId).listing.Load() != nil {
		t.Error("a directory was listed that no start looks into")
	}
}

// A view that is made before it is known how it is shown becomes the one that is
// asked for; of other layers, on something below or with other names it does not.
func TestShow(t *testing.T) {
	upper, lower := layerDirectory(t, "upper"), layerDirectory(t, "lower")
	must(t, os.Mkdir(filepath.Join(upper, "etc"), 0o755))
	v := viewOf(t, upper, lower)
	listed := make(chan struct{})
	go func() {
		defer close(listed)
		v.listAhead()
	}()
	layers := v.Layers
	for name, s := range map[string]spec.Spec{
		"other layers":    {Layers: []spec.Layer{layers[1], layers[0]}},
		"something below": {Layers: layers, Below: []string{lower}},
		"no devices":      {Layers: layers, NoDevices: true},
	} {
		if err := v.show(s); err == nil {
			t.Errorf("%s: shown by the view that has been made", name)
		}
	}
	must(t, v.show(spec.Spec{Layers: layers, UID: 7, GID: 8}))
	if out, got := lookUp(v, fuse.FUSE_ROOT_ID, "etc"); got != fuse.OK || out.Uid != 7 || out.Gid != 8 {
		t.Errorf("got %v, owned by %d:%d", got, out.Uid, out.Gid)
	}
	<-listed
}
