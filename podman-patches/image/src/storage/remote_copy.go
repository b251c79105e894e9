//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// tryCopiedLayer is TryReusingBlobWithOptions for the remote layers of an image that is copied within the store: its
// source names the blobs that they come from, which it does not have. Such a name counts only for the image's own layer, in
// its place.
func (s *storageImageDestination) tryCopiedLayer(blobinfo types.BlobInfo, options *private.TryReusingBlobOptions) (bool, private.ReusedBlob, error) {
	if options.LayerIndex == nil || *options.LayerIndex >= len(s.remote.copied) {
		return false, private.ReusedBlob{}, nil
	}
	layer := s.remote.copied[*options.LayerIndex]
	if layer.Kind != storage.LayerKindRemoteReadonly || layer.CompressedDigest != blobinfo.Digest {
		return false, private.ReusedBlob{}, nil
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.lockProtected.indexToDiffID[*options.LayerIndex] = layer.UncompressedDigest
	return true, private.ReusedBlob{Digest: blobinfo.Digest, Size: blobinfo.Size}, nil
}
