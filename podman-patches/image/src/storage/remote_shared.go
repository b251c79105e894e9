//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"go.podman.io/storage"
)

// keptRemoteBlobLocked is the blob of the layer with this index, which was not found in a repository, if it has the ID of a
// remote one. One that an additional store has stays as it is: what was downloaded, and what stands on it, is this store's own.
//
// The caller must hold s.lock.
func (s *storageImageDestination) keptRemoteBlobLocked(index int) digest.Digest {
	for i, layer := range s.remote.stored {
		_, found := s.remote.found[i]
		if i <= index && layer.ReadOnly && layer.Kind == storage.LayerKindRemoteReadonly && !found {
			return ""
		}
	}
	return s.remote.known[index]
}

// contentLayers drops the layers whose contents cannot be copied from what a look-up in the store has given.
func (s *storageImageDestination) contentLayers(layers []storage.Layer, err error) ([]storage.Layer, error) {
	if err != nil || s.remote.pull == nil || s.remote.pull.Mode() != config.Off {
		return layers, err
	}
	contents := []storage.Layer{}
	for _, layer := range layers {
		if !s.onSharedRemote(layer) {
			contents = append(contents, layer)
		}
	}
	if len(contents) == 0 {
		return nil, storage.ErrLayerUnknown
	}
	return contents, nil
}

// onSharedRemote says whether a layer is an additional store's and stands on a remote one there. A pull without remote
// layers will need one of its own, and the original is surer to be had than a copy from files of another account.
func (s *storageImageDestination) onSharedRemote(layer storage.Layer) bool {
	for parent := layer.Parent; layer.ReadOnly && parent != ""; {
		below, err := s.imageRef.transport.store.Layer(parent)
		if err != nil {
			return false
		}
		if below.ReadOnly && below.Kind == storage.LayerKindRemoteReadonly {
			return true
		}
		parent = below.Parent
	}
	return false
}
