package view

import (
	"errors"
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
