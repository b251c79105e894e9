//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"slices"

	digest "github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/types"
)

// Here is how later versions of containers/image identify layers, as far as remote layers need it: 5.29 knows a layer by the
// digest of its blob alone, and tells a destination nothing of the config before the layers.

// laterDestination holds fields that storageImageDestination has in later versions, under the same names.
type laterDestination struct {
	untrustedDiffIDValues []digest.Digest // What the config says of the layers; nobody has looked at it
	lockProtected         struct {
		indexToDiffID map[int]digest.Digest // Of layers that the store has, by their index
	}
}

// NoteOriginalOCIConfig takes the config of the image that is about to be copied, or the reason why there is none
// that can be used.
func (s *storageImageDestination) NoteOriginalOCIConfig(ociConfig *imgspecv1.Image, configErr error) error {
	if configErr != nil {
		if s.remote.pull != nil {
			s.remote.pull.NoteDiffIDs(nil, configErr)
		}
		return nil
	}
	s.untrustedDiffIDValues = slices.Clone(ociConfig.RootFS.DiffIDs)
	s.lockProtected.indexToDiffID = map[int]digest.Digest{}
	s.noteDiffIDs()
	return nil
}

// mayReplaceWithPart is an error if all of a layer must be downloaded, since it replaces one that is there.
func (s *storageImageDestination) mayReplaceWithPart(blobinfo types.BlobInfo) error {
	for index, layer := range s.remote.stored { // 5.29 does not tell the index
		if _, blob := layer.StatedDigests(); blob == blobinfo.Digest {
			if err := s.mayDownloadPart(index); err != nil {
				return err
			}
		}
	}
	return nil
}

// trustedLayerIdentityData is what a layer is told from others by.
type trustedLayerIdentityData struct {
	// true if the layer was pulled in parts, or is of an additional layer store: nobody has read all of it.
	layerIdentifiedByTOC bool

	// The blob that the layer was published from, if its contents are in a read-only repository, or were; else "". Nobody
	// has compared them with diffID, which is what the config says, so the layer is identified by both.
	remoteBlob digest.Digest

	diffID     digest.Digest // What 5.29 identifies the layer by: for one that was pulled in parts, its blob's digest
	tocDigest  digest.Digest // The same, if layerIdentifiedByTOC
	blobDigest digest.Digest // A digest of the (possibly-compressed) layer as presented
}

// trustedLayerIdentityDataLocked returns that of the layer with this index, whose blob has this digest, and whether it
// is known yet.
//
// The caller must hold s.lock.
func (s *storageImageDestination) trustedLayerIdentityDataLocked(layerIndex int, blobDigest digest.Digest) (trustedLayerIdentityData, bool) {
	if found, ok := s.remote.found[layerIndex]; ok {
		return trustedLayerIdentityData{remoteBlob: found.blob, diffID: found.DiffID, blobDigest: blobDigest}, true
	}
	res := trustedLayerIdentityData{blobDigest: blobDigest}
	diffID, ok := s.lockProtected.indexToDiffID[layerIndex]
	if !ok {
		if diffID, ok = s.blobDiffIDs[blobDigest]; !ok {
			return trustedLayerIdentityData{}, false
		}
		_, inParts := s.diffOutputs[blobDigest]
		_, additional := s.blobAdditionalLayer[blobDigest]
		if inParts || additional {
			res.layerIdentifiedByTOC, res.tocDigest = true, diffID
		}
	}
	res.diffID = diffID
	if !res.layerIdentifiedByTOC {
		res.remoteBlob = s.keptRemoteBlobLocked(layerIndex)
	}
	return res, true
}

// layerID is the ID of a layer on top of another one, or of the lowest one if parentID is empty. A verified layer's is what
// 5.29 gives it.
func layerID(parentID string, trusted trustedLayerIdentityData) string {
	component := trusted.diffID.Encoded()
	if trusted.remoteBlob != "" {
		component = "@remote=" + component + "@" + trusted.remoteBlob.Encoded() // no hex digest, so that it must be hashed
	} else if parentID == "" {
		return component
	}
	return digest.Canonical.FromString(parentID + "+" + component).Encoded()
}
