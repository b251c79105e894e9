package docker

import (
	digest "github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/types"
)

// locationsRecorder is implemented by caches that record many blobs at the price of one.
type locationsRecorder interface {
	RecordKnownLocations(transport types.ImageTransport, scope types.BICTransportScope, location types.BICLocationReference, blobs ...digest.Digest)
}

// NoteBlobLocations remembers that the source has blobs which nobody fetches from it, as GetBlob does for those that it
// fetches: a later push to the same registry can have them mounted.
func (s *dockerImageSource) NoteBlobLocations(blobs []digest.Digest, cache types.BlobInfoCache) {
	ref := s.physicalRef
	transport, scope, location := ref.Transport(), bicTransportScope(ref), newBICLocationReference(ref)
	if many, ok := cache.(locationsRecorder); ok {
		many.RecordKnownLocations(transport, scope, location, blobs...)
		return
	}
	for _, blob := range blobs {
		cache.RecordKnownLocation(transport, scope, blob, location)
	}
}
