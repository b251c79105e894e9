package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// A CVMFS client lists an open directory of a removed layer as empty. That must
// not be believed, however short the time since the layer was last seen; an
// empty directory of a layer that is there must.
func TestEmptyIsVerified(t *testing.T) {
	dir, err := cvmfs.LayerDir(digest.FromString("layer"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), dir, cvmfs.LayerFS)
	if err := os.MkdirAll(filepath.Join(path, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	v, err := New(spec.Spec{Layers: []spec.Layer{{Path: path}}}, 16)
	if err != nil {
		t.Fatal(err)
	}
	d := &node{parent: v.root, name: "d", mode: unix.S_IFDIR}
	if l, err := v.readDir(d, 0); err != nil || len(l.Entries) != 0 {
		t.Fatalf("an empty directory: %v, %v", l, err)
	}
	// Moved away: what is open lists as before, without an error.
	if err := os.Rename(path, path+".gone"); err != nil {
		t.Fatal(err)
	}
	if l, err := v.readDir(d, 0); !errors.Is(err, cvmfs.ErrLayerUnknown) {
		t.Errorf("a directory of a removed layer: %v, %v", l, err)
	}
}
