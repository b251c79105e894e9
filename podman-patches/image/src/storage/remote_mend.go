//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"errors"
	"fmt"
	"io"

	digest "github.com/opencontainers/go-digest"
	"go.podman.io/storage"
)

// noteDiffIDs takes what the config of the image that is about to be copied says of its layers. A pull goes on with the
// image that an earlier one has made with remote layers, if the store has all of it; another copy may be one of it.
func (s *storageImageDestination) noteDiffIDs() {
	s.remote.noteDiffIDs(s.untrustedDiffIDValues)
	for _, diffID := range s.untrustedDiffIDValues {
		if diffID.Validate() != nil {
			return
		}
	}
	stored, known := s.storedLayers("", s.untrustedDiffIDValues)
	if s.remote.pull == nil {
		s.remote.copied = stored
	} else if len(known) > 0 {
		s.remote.stored, s.remote.known = stored, known
	}
}

// storedLayers returns the image's layers from one on parent upwards, whose diffIDs these are, if the store has all of
// them. Where there are several it prefers those that have the IDs of remote layers, and says at which index they are.
func (s *storageImageDestination) storedLayers(parent string, diffIDs []digest.Digest) ([]*storage.Layer, map[int]bool) {
	if len(diffIDs) == 0 {
		return nil, map[int]bool{}
	}
	for _, remote := range []bool{true, false} {
		layer, err := s.imageRef.transport.store.Layer(layerID(parent, trustedLayerIdentityData{diffID: diffIDs[0], remote: remote}))
		if err != nil {
			continue
		}
		above, remoteAbove := s.storedLayers(layer.ID, diffIDs[1:])
		if remoteAbove == nil {
			continue
		}
		known := map[int]bool{}
		if remote {
			known[0] = true
		}
		for index := range remoteAbove {
			known[index+1] = true
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
		return err == nil && !s.mayReuseLayer(layer)
	}
	if !remote() {
		layer, _, err := store.PutLayer(id, parent, nil, "", false, options, diff)
		if err == nil {
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
