package view

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// Await waits until the layers can be opened, in a process that can be left
// behind, for as long as Stack would with that timeout. To mount a view takes locks
// that others wait for, such as whoever lists images: who asks first, without the
// locks, then takes them only for a repository that answers. The errors are Stack's,
// and os.ErrDeadlineExceeded too where there was no answer.
func Await(layers []spec.Layer, timeout time.Duration) error {
	if len(layers) == 0 {
		return nil
	}
	path, err := helper.Find(helper.View)
	if errors.Is(err, os.ErrNotExist) {
		return nil // direct views need no server; the others will say so
	}
	if err != nil {
		return err
	}
	return start(path, spec.Spec{Layers: layers, Timeout: timeout}, nil, spec.Await)
}

// OneOfEach keeps of layers the first of each repository: enough to learn whether
// the repositories answer.
func OneOfEach(layers []spec.Layer) []spec.Layer {
	asked := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(layers), func(l spec.Layer) bool {
		repository, _, err := cvmfs.SplitLayerPath(l.Path)
		if err != nil {
			return false // Await tells
		}
		again := asked[repository]
		asked[repository] = true
		return again
	})
}
