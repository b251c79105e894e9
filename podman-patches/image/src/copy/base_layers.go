package copy

import (
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/types"
)

// baseLayersNoter is implemented by destinations that may have layers of the source already, under IDs of their own.
type baseLayersNoter interface {
	// NoteBaseLayers is called with the source as its transport has made it, before any layer is copied. A source that
	// knows which layers of the destination it stands on has a method that says so.
	NoteBaseLayers(source any)
}

// noteBaseLayers tells the destination what it is about to be copied from, if it wants to know.
func noteBaseLayers(dest private.ImageDestination, source types.ImageSource) {
	if noter, ok := dest.(baseLayersNoter); ok {
		noter.NoteBaseLayers(source)
	}
}

// originalLayersNoter is implemented by destinations that tell images apart by the layers in their manifests, too.
type originalLayersNoter interface {
	// NoteOriginalLayers is called before NoteOriginalOCIConfig, with the layers as the source's manifest has them.
	NoteOriginalLayers(layers []types.BlobInfo)
}

// noteOriginalLayers tells the destination the layers of the image about to be copied, if it wants to know.
func noteOriginalLayers(dest private.ImageDestination, src types.Image) {
	if noter, ok := dest.(originalLayersNoter); ok {
		noter.NoteOriginalLayers(src.LayerInfos())
	}
}
