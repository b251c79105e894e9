//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"errors"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
)

// originalBlobInfo names the blob that a remote layer was published from. The store has no other form of the layer, and
// not that one either: a copy succeeds if its destination has the blob. man is the image's manifest.
func originalBlobInfo(layer *storage.Layer, man manifest.Manifest, manifestType string) types.BlobInfo {
	for _, info := range man.LayerInfos() {
		if info.Digest == layer.CompressedDigest {
			return info.BlobInfo // nothing of it changes, and so the manifest's digest can stay
		}
	}
	// An image that was made on top: its manifest names layers as they would be in the store.
	return types.BlobInfo{
		Digest:    layer.CompressedDigest,
		Size:      layer.CompressedSize,
		MediaType: layerMediaType(manifestType, layer.CompressionType),
	}
}

// layerMediaType is that of a layer in a manifest. Docker's has none for zstd: a copy to it finds OCI's, and then that the
// format cannot be used.
func layerMediaType(manifestType string, compression archive.Compression) string {
	types := map[archive.Compression]string{
		archive.Uncompressed: manifest.DockerV2SchemaLayerMediaTypeUncompressed,
		archive.Gzip:         manifest.DockerV2Schema2LayerMediaType,
		archive.Zstd:         imgspecv1.MediaTypeImageLayerZstd,
	}
	if manifestType == imgspecv1.MediaTypeImageManifest {
		types = map[archive.Compression]string{
			archive.Uncompressed: imgspecv1.MediaTypeImageLayer,
			archive.Gzip:         imgspecv1.MediaTypeImageLayerGzip,
			archive.Zstd:         imgspecv1.MediaTypeImageLayerZstd,
		}
	}
	return types[compression]
}

// lacksBlob is an error if a blob is that of a remote layer.
func (s *storageImageSource) lacksBlob(blob digest.Digest) error {
	layers, err := s.imageRef.transport.store.LayersByCompressedDigest(blob)
	if errors.Is(err, storage.ErrLayerUnknown) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the layer of blob %s: %w", blob, err)
	}
	for _, layer := range layers {
		if layer.Kind == storage.LayerKindRemoteReadonly && layer.UncompressedDigest != blob {
			return fmt.Errorf("the store does not have blob %s: its layer is used where it is, in %q. "+
				"Pull the image with --cvmfs=off to have it", blob, layer.RemotePath)
		}
	}
	return nil
}
