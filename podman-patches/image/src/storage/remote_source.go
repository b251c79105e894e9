//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"fmt"
	"slices"

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
	_, blob := layer.StatedDigests()
	for _, info := range man.LayerInfos() {
		if info.Digest == blob {
			return info.BlobInfo // nothing of it changes, and so the manifest's digest can stay
		}
	}
	// An image that was made on top: its manifest names layers as they would be in the store.
	return types.BlobInfo{
		Digest:    blob,
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

// lacksBlob is an error if a blob is that of a remote layer of the image, and of nothing else in the store.
func (s *storageImageSource) lacksBlob(blob digest.Digest) error {
	if _, ok := s.image.BigDataDigests[blob.String()]; ok { // the config, which every start reads
		return nil
	}
	store := s.imageRef.transport.store
	for _, look := range []func(digest.Digest) ([]storage.Layer, error){store.LayersByUncompressedDigest, store.LayersByCompressedDigest} {
		if layers, err := look(blob); err == nil && len(layers) > 0 {
			return nil
		}
	}
	for id := s.image.TopLayer; id != ""; {
		layer, err := store.Layer(id)
		if err != nil {
			return fmt.Errorf("looking for the layer of blob %s: %w", blob, err)
		}
		if layer.Kind == storage.LayerKindRemoteReadonly && layer.RemoteDigest == blob {
			return fmt.Errorf("the store does not have blob %s: its layer is used where it is, in %q. "+
				"Pull the image with --cvmfs=off to have it", blob, layer.RemotePath)
		}
		id = layer.Parent
	}
	return nil
}

// BaseLayers returns the IDs of the image's layers, base first, if they are in store: a copy within a store stands on them.
func (s *storageImageSource) BaseLayers(store storage.Store) []string {
	if store.GraphRoot() != s.imageRef.transport.store.GraphRoot() {
		return nil
	}
	var ids []string
	for id := s.image.TopLayer; id != ""; {
		layer, err := store.Layer(id)
		if err != nil {
			return nil // the image is damaged, which its reader is told
		}
		ids, id = append(ids, id), layer.Parent
	}
	slices.Reverse(ids)
	return ids
}
