//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/image/v5/internal/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/archive"
)

// A copy from the store names the blobs of remote layers as the image's manifest does, and cannot read them.
func TestSourceOfRemoteLayers(t *testing.T) {
	img := newRemoteImage(t, 3)
	img.publish(t, 0, 2)
	store := img.remoteStore(t)
	_, err := img.pull(t, store, &auto)
	require.NoError(t, err)
	require.Equal(t, []string{remote, "", remote}, img.kinds(t, store))

	ref, err := Transport.ParseStoreReference(store, "localhost/test:latest")
	require.NoError(t, err)
	src, err := ref.NewImageSource(context.Background(), nil)
	require.NoError(t, err)
	defer src.Close()
	infos, err := src.LayerInfosForCopy(context.Background(), nil)
	require.NoError(t, err)
	require.Len(t, infos, 3)
	unparsed, err := image.FromUnparsedImage(context.Background(), nil, image.UnparsedInstance(src, nil))
	require.NoError(t, err)
	manifestInfos := unparsed.LayerInfos()
	for _, i := range []int{0, 2} {
		assert.Equal(t, manifestInfos[i], infos[i])
		_, _, err = src.GetBlob(context.Background(), infos[i], none.NoCache)
		assert.ErrorContains(t, err, filepath.Join(img.layerDir(i), "layerfs"))
		assert.ErrorContains(t, err, "--cvmfs=off")
	}
	assert.Equal(t, img.diffIDs[1], infos[1].Digest)
	blob, _, err := src.GetBlob(context.Background(), infos[1], none.NoCache)
	require.NoError(t, err)
	defer blob.Close()
	n, err := io.Copy(io.Discard, blob)
	require.NoError(t, err)
	assert.NotZero(t, n)
}

// An image made on top names the layers in its manifest by their diffIDs, as layers of the store are named.
func TestOriginalBlobInfo(t *testing.T) {
	img := newRemoteImage(t, 1)
	img.publish(t, 0)
	store := img.remoteStore(t)
	_, err := img.pull(t, store, &only)
	require.NoError(t, err)
	layers, err := store.Layers()
	require.NoError(t, err)
	other := manifest.OCI1FromComponents(imgspecv1.Descriptor{}, []imgspecv1.Descriptor{{Digest: img.diffIDs[0]}})
	for compression, want := range map[archive.Compression]string{
		archive.Uncompressed: imgspecv1.MediaTypeImageLayer,
		archive.Gzip:         imgspecv1.MediaTypeImageLayerGzip,
		archive.Zstd:         imgspecv1.MediaTypeImageLayerZstd,
		archive.Bzip2:        "",
	} {
		layer := layers[0]
		layer.CompressionType = compression
		assert.Equal(t, types.BlobInfo{Digest: img.layers[0], Size: layer.CompressedSize, MediaType: want},
			originalBlobInfo(&layer, other, imgspecv1.MediaTypeImageManifest))
	}
	assert.Equal(t, archive.Gzip, layers[0].CompressionType)
	assert.Equal(t, manifest.DockerV2Schema2LayerMediaType, layerMediaType(manifest.DockerV2Schema2MediaType, archive.Gzip))
	assert.Equal(t, imgspecv1.MediaTypeImageLayerZstd, layerMediaType(manifest.DockerV2Schema2MediaType, archive.Zstd))
}

// A local layer is what a push sends, whatever remote layers of another image have the same contents.
func TestSourceOfLocalLayers(t *testing.T) {
	img := newRemoteImage(t, 2)
	img.publish(t, 0, 1)
	store := img.remoteStore(t)
	_, err := img.pull(t, store, &only)
	require.NoError(t, err)
	img.reverse(t)
	_, err = img.pull(t, store, &off)
	require.NoError(t, err)

	ref, err := Transport.ParseStoreReference(store, "localhost/test:latest")
	require.NoError(t, err)
	src, err := ref.NewImageSource(context.Background(), nil)
	require.NoError(t, err)
	defer src.Close()
	for range [3]int{} {
		for _, diffID := range img.diffIDs {
			blob, _, err := src.GetBlob(context.Background(), types.BlobInfo{Digest: diffID, Size: -1}, none.NoCache)
			require.NoError(t, err)
			blob.Close()
		}
	}
}
