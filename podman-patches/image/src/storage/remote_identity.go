//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"slices"

	digest "github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// remoteImageID is the ID of an image: ordinaryImageID, or one of its own if the image has layers with the IDs of
// remote ones. That is hashed over a value for each layer, with separators that are in none of them. It starts with @,
// as a config, which is what an ordinary ID is the digest of, does not.
func (s *storageImageDestination) remoteImageID(ordinaryImageID string, layers []manifest.LayerInfo) string {
	input, hasRemoteLayer := "", false
	for i, layer := range layers {
		trusted, _ := s.trustedLayerIdentityDataLocked(i, layer.Digest) // all layers have been committed
		if trusted.layerIdentifiedByTOC {
			input += trusted.tocDigest.String()
		}
		if trusted.remoteBlob != "" {
			input += "@remote=" + trusted.diffID.String() + "@" + trusted.remoteBlob.String()
			hasRemoteLayer = true
		}
		input += "|"
	}
	if !hasRemoteLayer {
		return ordinaryImageID
	}
	return digest.FromString("@With remote layers:" + ordinaryImageID + "|" + input).Encoded()
}

// baseLayerSource is implemented by sources of images that are made on, or copied from, layers of a store.
type baseLayerSource interface {
	// BaseLayers returns the IDs of the image's lowest layers, base first, if they are in store.
	BaseLayers(store storage.Store) []string
}

// NoteBaseLayers is called with the source of the image that is about to be copied, before any layer is. A copy that is not a
// pull stands on remote layers only where its source names them by ID: digests that it names might be another image's claims.
func (s *storageImageDestination) NoteBaseLayers(source any) {
	named, ok := source.(baseLayerSource)
	if !ok || s.remote.pull != nil {
		return
	}
	store, parent := s.imageRef.transport.store, ""
	for i, id := range named.BaseLayers(store) {
		layer, err := store.Layer(id)
		if err != nil {
			return
		}
		identity, ok := s.identityOf(layer, parent)
		if !ok {
			return
		}
		if parent = layerID(parent, identity); parent != id { // the original of a mapped copy
			if layer, err = store.Layer(parent); err != nil {
				return
			}
		}
		s.remote.base = append(s.remote.base, layer)
		if identity.remoteBlob != "" {
			s.remote.known[i] = identity.remoteBlob
		}
	}
}

// identityOf returns what a layer of the store on top of parent was given its ID for; for the mapped copy of a layer, what
// that one was. It is false for layers that were not copied here, and those that are identified by their TOC.
func (s *storageImageDestination) identityOf(layer *storage.Layer, parent string) (trustedLayerIdentityData, bool) {
	diffID, blob := layer.StatedDigests()
	if diffID.Validate() != nil {
		return trustedLayerIdentityData{}, false
	}
	identities := []trustedLayerIdentityData{{diffID: diffID}}
	if blob.Validate() == nil {
		identities = append(identities, trustedLayerIdentityData{diffID: diffID, remoteBlob: blob})
	}
	if layer.UncompressedDigest == "" { // of two layers with these digests, the remote one
		slices.Reverse(identities)
	}
	for _, identity := range identities {
		id := layerID(parent, identity)
		if id == layer.ID {
			return identity, true
		}
		if layer.MapsRemote() {
			if _, err := s.imageRef.transport.store.Layer(id); err == nil {
				return identity, true
			}
		}
	}
	return trustedLayerIdentityData{}, false
}

// tryBaseLayer is TryReusingBlobWithOptions for the remote layers that the source has named: it has no blobs for them.
func (s *storageImageDestination) tryBaseLayer(blobinfo types.BlobInfo, options *private.TryReusingBlobOptions) (bool, private.ReusedBlob, error) {
	if options.LayerIndex == nil || *options.LayerIndex >= len(s.remote.base) {
		return false, private.ReusedBlob{}, nil
	}
	layer := s.remote.base[*options.LayerIndex]
	diffID, blob := layer.StatedDigests()
	if layer.UncompressedDigest != "" || blobinfo.Digest != diffID && blobinfo.Digest != blob {
		return false, private.ReusedBlob{}, nil
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.lockProtected.indexToDiffID[*options.LayerIndex] = diffID
	return true, private.ReusedBlob{Digest: blobinfo.Digest, Size: blobinfo.Size}, nil
}
