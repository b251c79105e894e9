//go:build !remote
// +build !remote

package libimage

import "go.podman.io/storage"

// sizeOnDisk is what a layer takes in the store: nothing, if it is used where a
// repository has it.
func sizeOnDisk(layer *storage.Layer) int64 {
	if layer.Kind == storage.LayerKindRemoteReadonly {
		return 0
	}
	return layer.UncompressedSize
}

// remoteSize is the part of an image's size that is not in the store, but in
// repositories.
func (t *layerTree) remoteSize(image *Image) int64 {
	size := int64(0)
	for _, layer := range t.layersOf(image) {
		if layer != nil {
			size += layer.UncompressedSize - sizeOnDisk(layer)
		}
	}
	return size
}

// sizeOnDisk is what an image takes in the store.
func (t *layerTree) sizeOnDisk(image *Image) (int64, error) {
	size, err := image.Size()
	if err != nil {
		return size, err
	}
	return size - t.remoteSize(image), nil
}
