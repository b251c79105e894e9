//go:build !remote
// +build !remote

package libimage

// containers/common 0.57 counts what an image takes from the sizes of whole images, which are in its layer tree; later
// versions count layers.

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
