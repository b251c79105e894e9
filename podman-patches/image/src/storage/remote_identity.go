//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"slices"

	digest "github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
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
		if trusted.remote {
			input += "@remote=" + trusted.diffID.String()
			hasRemoteLayer = true
		}
		input += "|"
	}
	if !hasRemoteLayer {
		return ordinaryImageID
	}
	return digest.FromString("@With remote layers:" + ordinaryImageID + "|" + input).Encoded()
}

// knownRemoteLayer completes what is known of a layer: a copy that is not a pull gets the store's remote layer in that
// place if more of the image's layers stand on that one than on one whose contents were verified.
func (s *storageImageDestination) knownRemoteLayer(index int, parent string, trusted trustedLayerIdentityData) trustedLayerIdentityData {
	if s.remote.pull != nil || trusted.layerIdentifiedByTOC {
		return trusted
	}
	var above []digest.Digest
	if index < len(s.untrustedDiffIDValues) {
		above = s.untrustedDiffIDValues[index+1:]
	}
	remote := trusted
	remote.remote = true
	if s.knownLayers(parent, remote, above) <= s.knownLayers(parent, trusted, above) {
		return trusted
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.remote.known[index] = true
	return remote
}

// knownLayers is how many layers of an image the store has, from one on parent upwards; above are the diffIDs of those
// above it.
func (s *storageImageDestination) knownLayers(parent string, lowest trustedLayerIdentityData, above []digest.Digest) int {
	layer, err := s.imageRef.transport.store.Layer(layerID(parent, lowest))
	if err != nil {
		return 0
	}
	if len(above) == 0 || above[0].Validate() != nil {
		return 1
	}
	verified := trustedLayerIdentityData{diffID: above[0]}
	remote := trustedLayerIdentityData{diffID: above[0], remote: true}
	return 1 + slices.Max([]int{s.knownLayers(layer.ID, verified, above[1:]), s.knownLayers(layer.ID, remote, above[1:])})
}
