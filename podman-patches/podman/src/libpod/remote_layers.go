//go:build !remote
// +build !remote

package libpod

import (
	"errors"

	"go.podman.io/storage"
)

// RemoteLayerUsage counts the layers that are used where repositories have
// them, and those of them that are beneath a container.  size is what they all
// would take in the store, were they not in repositories.
func (r *Runtime) RemoteLayerUsage() (total, active int, size int64, err error) {
	all, err := r.store.Layers()
	if err != nil {
		return 0, 0, 0, err
	}
	layers := map[string]*storage.Layer{}
	for i := range all {
		if layers[all[i].ID] != nil { // an additional store has it, too
			continue
		}
		layers[all[i].ID] = &all[i]
		if all[i].Kind == storage.LayerKindRemoteReadonly {
			total++
			size += all[i].UncompressedSize
		}
	}
	if total == 0 {
		return 0, 0, 0, nil
	}
	containers, err := r.GetAllContainers()
	if err != nil {
		return 0, 0, 0, err
	}
	for _, c := range containers {
		image, err := r.store.Image(c.config.RootfsImageID)
		if errors.Is(err, storage.ErrImageUnknown) { // of a root file system, or removed meanwhile
			continue
		}
		if err != nil {
			return 0, 0, 0, err
		}
		for layer := layers[image.TopLayer]; layer != nil; layer = layers[layer.Parent] {
			if layer.Kind == storage.LayerKindRemoteReadonly {
				active++
			}
			delete(layers, layer.ID) // it is counted, and so is what is beneath
		}
	}
	return total, active, size, nil
}
