package copy

import (
	"context"

	digest "github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
)

// originalOCIConfigNoter is implemented by destinations that identify layers by
// the diffIDs in the image's config when they can avoid reading the layers.
// In later versions it is a part of private.ImageDestination.
type originalOCIConfigNoter interface {
	// NoteOriginalOCIConfig is called before any layer is copied, with the config of the source or with the
	// reason why there is none that can be used. An error aborts the copy.
	NoteOriginalOCIConfig(ociConfig *imgspecv1.Image, configErr error) error
}

// noteOriginalOCIConfig tells the destination the config of the image about to be copied, if it wants to know.
func (ic *imageCopier) noteOriginalOCIConfig(ctx context.Context) error {
	dest, ok := ic.c.dest.(originalOCIConfigNoter)
	if !ok {
		return nil
	}
	noteOriginalLayers(ic.c.dest, ic.src)
	config, err := ic.src.OCIConfig(ctx)
	if err == nil {
		layers := []digest.Digest{}
		for _, info := range ic.src.LayerInfos() {
			layers = append(layers, info.Digest)
		}
		err = pull.CheckDiffIDs(layers, config.RootFS.DiffIDs)
	}
	return dest.NoteOriginalOCIConfig(config, err)
}
