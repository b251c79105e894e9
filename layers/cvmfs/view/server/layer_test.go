package server

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	if l, err := v.readDir(d, 0, newRoom(maxNames)); err != nil || len(l.Entries) != 0 {
		t.Fatalf("an empty directory: %v, %v", l, err)
	}
	// Moved away: what is open lists as before, without an error.
	if err := os.Rename(path, path+".gone"); err != nil {
		t.Fatal(err)
	}
	if l, err := v.readDir(d, 0, newRoom(maxNames)); !errors.Is(err, cvmfs.ErrLayerUnknown) {
		t.Errorf("a directory of a removed layer: %v, %v", l, err)
	}
}

// Whichever ends first, it is the topmost layer's error that is told, and nothing is kept open.
func TestOpenLayersTellsTheFirst(t *testing.T) {
	const n = 40
	dir := t.TempDir()
	list := make([]spec.Layer, n)
	for i := range list {
		sub, err := cvmfs.LayerDir(digest.FromString(strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		list[i].Path = filepath.Join(dir, sub, cvmfs.LayerFS)
		if i%10 == 7 {
			continue // is not there
		}
		if err := os.MkdirAll(list[i].Path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := openFiles(t)
	if _, err := openLayers(list); err == nil || !strings.Contains(err.Error(), list[7].Path) {
		t.Errorf("got %v, want the error of %q", err, list[7].Path)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors were open, now %d", before, after)
	}
	layers, err := openLayers(list[8:17])
	if err != nil || len(layers) != 9 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	for i, l := range layers {
		if l.Path != list[8+i].Path {
			t.Errorf("layer %d is %q, want %q", i, l.Path, list[8+i].Path)
		}
	}
	closeLayers(layers)
}
