package docker

import (
	"path/filepath"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	internalblobinfocache "go.podman.io/image/v5/internal/blobinfocache"
	"go.podman.io/image/v5/pkg/blobinfocache/memory"
	"go.podman.io/image/v5/pkg/blobinfocache/sqlite"
	"go.podman.io/image/v5/types"
)

// A push finds the blobs of a pull that did not fetch them, in another place of the same registry and not in another registry.
func TestNoteBlobLocations(t *testing.T) {
	pulled, err := ParseReference("//registry.example.com/pulled:latest")
	require.NoError(t, err)
	ref := pulled.(dockerReference)
	src := &dockerImageSource{physicalRef: ref}
	file, err := sqlite.New(filepath.Join(t.TempDir(), "cache"))
	require.NoError(t, err)
	assert.Implements(t, (*locationsRecorder)(nil), file)
	for _, cache := range []types.BlobInfoCache{memory.New(), file, internalblobinfocache.FromBlobInfoCache(file)} {
		blobs := []digest.Digest{digest.FromString("blob"), digest.FromString("another"), digest.FromString("blob")}
		src.NoteBlobLocations(blobs, cache)
		for _, blob := range blobs {
			candidates := cache.CandidateLocations(ref.Transport(), bicTransportScope(ref), blob, true)
			assert.Equal(t, []types.BICReplacementCandidate{{Digest: blob, Location: newBICLocationReference(ref)}}, candidates)
			assert.Empty(t, cache.CandidateLocations(ref.Transport(), types.BICTransportScope{Opaque: "other.example.com"}, blob, true))
		}
	}
}
