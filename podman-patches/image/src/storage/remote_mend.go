//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"errors"
	"fmt"
	"io"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// NoteOriginalLayers is called with the layers in the manifest of the image that is about to be copied, before
// NoteOriginalOCIConfig.
func (s *storageImageDestination) NoteOriginalLayers(layers []types.BlobInfo) {
	s.remote.blobs = nil
	for _, layer := range layers {
		s.remote.blobs = append(s.remote.blobs, layer.Digest)
	}
}

// noteDiffIDs takes what the config of the image that is about to be copied says of its layers. A pull goes on with the
// image that an earlier one has made with remote layers, if the store has it.
func (s *storageImageDestination) noteDiffIDs() {
	s.remote.noteDiffIDs(s.untrustedDiffIDValues)
	if s.remote.pull == nil || len(s.untrustedDiffIDValues) != len(s.remote.blobs) {
		return
	}
	for i, diffID := range s.untrustedDiffIDValues {
		if diffID.Validate() != nil || s.remote.blobs[i].Validate() != nil {
			return
		}
	}
	stored, known := s.storedLayers("", 0)
	if len(known) == 0 {
		return
	}
	images, err := s.imageRef.transport.store.ImagesByTopLayer(stored[len(stored)-1].ID)
	if err == nil && len(images) > 0 { // else they are another image's, which a pull of this one does not change
		s.remote.stored, s.remote.known = stored, known
	}
}

// storedLayers returns the image's layers from this index upwards if the store has all of them on parent. Where there are
// several it prefers those that have the IDs of remote layers, and says of which blobs.
func (s *storageImageDestination) storedLayers(parent string, index int) ([]*storage.Layer, map[int]digest.Digest) {
	if index == len(s.remote.blobs) {
		return nil, map[int]digest.Digest{}
	}
	for _, blob := range []digest.Digest{s.remote.blobs[index], ""} {
		identity := trustedLayerIdentityData{diffID: s.untrustedDiffIDValues[index], remoteBlob: blob}
		layer, err := s.imageRef.transport.store.Layer(layerID(parent, identity))
		if err != nil {
			continue
		}
		above, known := s.storedLayers(layer.ID, index+1)
		if known == nil {
			continue
		}
		if blob != "" {
			known[index] = blob
		}
		return append([]*storage.Layer{layer}, above...), known
	}
	return nil, nil
}

// errReplacesRemote is why a layer is not downloaded in parts.
var errReplacesRemote = errors.New("the layer replaces one of a repository")

// mayDownloadPart is an error if all of a layer must be downloaded, since it replaces one that is there.
func (s *storageImageDestination) mayDownloadPart(index int) error {
	if index < len(s.remote.stored) && s.remote.stored[index].Kind == storage.LayerKindRemoteReadonly {
		return downloadWhole(errReplacesRemote)
	}
	return nil
}

// putLayer creates a layer from diff, or gives it to the remote layer that has this ID: that stays the same layer for
// images and containers, and an ID that promises less than is known is right.
func (s *storageImageDestination) putLayer(id, parent string, options *storage.LayerOptions, diff io.ReadSeeker) (*storage.Layer, error) {
	store := s.imageRef.transport.store
	remote := func() bool {
		layer, err := store.Layer(id)
		return err == nil && layer.Kind == storage.LayerKindRemoteReadonly
	}
	if !remote() {
		layer, _, err := store.PutLayer(id, parent, nil, "", false, options, diff)
		if err == nil && s.remote.pull != nil && s.remote.pull.Mode() == config.Only { // an empty one
			s.remote.created = append(s.remote.created, layer.ID)
		}
		if !errors.Is(err, storage.ErrDuplicateID) || !remote() {
			return layer, err
		}
		// Another pull has put a remote one there this moment.
		if _, err := diff.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("reading layer %q again: %w", id, err)
		}
	}
	layer, _, err := store.ReplaceRemoteLayer(id, options, diff)
	return layer, err
}
