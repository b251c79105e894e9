package view

import (
	"errors"
	"slices"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

func TestAwait(t *testing.T) {
	there, changed := tree(t, "file=1"), tree(t, "file=1")
	changed.CatalogHash = "recorded"
	gone := spec.Layer{Path: layerPath(t.TempDir(), "gone")}
	for _, tc := range []struct {
		layers []spec.Layer
		want   error
	}{
		{nil, nil},
		{[]spec.Layer{there, there}, nil},
		{[]spec.Layer{there, changed}, cvmfs.ErrMismatch},
		{[]spec.Layer{there, gone}, cvmfs.ErrUnavailable},
	} {
		if err := Await(tc.layers, 0); !errors.Is(err, tc.want) {
			t.Errorf("%d layers: got %v, want %v", len(tc.layers), err, tc.want)
		}
	}
}

func TestOneOfEach(t *testing.T) {
	path := func(repository, name string) spec.Layer { return spec.Layer{Path: layerPath(repository, name)} }
	a, b, odd := path("/a", "1"), path("/b", "2"), spec.Layer{Path: "/a"}
	layers := []spec.Layer{a, path("/a", "2"), odd, b, path("/b", "1"), path("/a", "3")}
	if got, want := OneOfEach(layers), []spec.Layer{a, odd, b}; !slices.EqualFunc(got, want, func(x, y spec.Layer) bool { return x.Path == y.Path }) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(layers) != 6 || layers[1].Path == layers[2].Path {
		t.Errorf("the caller's layers are changed: %v", layers)
	}
}
