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
