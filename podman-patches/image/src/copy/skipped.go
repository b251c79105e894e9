package copy

import (
	"io"
	"sync"

	digest "github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/types"
)

// blobLocationNoter is implemented by sources that can remember where they have blobs, for pushes to the same place.
type blobLocationNoter interface {
	// NoteBlobLocations is called with blobs that are not fetched because the destination uses them from elsewhere.
	NoteBlobLocations(blobs []digest.Digest, cache types.BlobInfoCache)
}

// unfetchedBlobs are those blobs.
type unfetchedBlobs struct {
	lock  sync.Mutex
	blobs []digest.Digest
}

// noteUnfetched tells the source which of its blobs were not fetched: all together, as each change of the cache is
// written to disk by itself.
func (c *copier) noteUnfetched() {
	if src, ok := c.rawSource.(blobLocationNoter); ok && len(c.unfetched.blobs) > 0 {
		src.NoteBlobLocations(c.unfetched.blobs, c.blobInfoCache)
	}
	c.unfetched.blobs = nil
}

// noteSkipped returns what a progress bar says of a blob that is not copied. Where there are no progress bars, it
// prints a line of its own for a blob that is used from a repository, since that is not what users expect.
func (c *copier) noteSkipped(blob private.ReusedBlob) string {
	if blob.Origin == "" {
		return "skipped: already exists"
	}
	c.unfetched.lock.Lock()
	c.unfetched.blobs = append(c.unfetched.blobs, blob.Digest)
	c.unfetched.lock.Unlock()
	if c.progressOutput == io.Discard {
		c.Printf("Skipped blob %s: in %s\n", blob.Digest, blob.Origin)
	}
	return "skipped: in " + blob.Origin
}
