package pull

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Tars without an entry, as Docker writes them: gzipped and plain. Images made
// by old tools are full of them; publishers leave them out.
const (
	emptyGzipped = digest.Digest("sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4")
	emptyTar     = digest.Digest("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
)

func isEmpty(d digest.Digest) bool { return d == emptyGzipped || d == emptyTar }

// unpublished says what keeps a layer out of repositories, "" if nothing does.
// Media types: OCI image-spec media-types.md; Docker manifest v2 schema 2;
// ocicrypt appends "+encrypted".
func unpublished(q Question) string {
	switch {
	case strings.HasSuffix(q.MediaType, "+encrypted"):
		return "encrypted"
	case len(q.URLs) > 0,
		strings.Contains(q.MediaType, ".nondistributable."),
		strings.Contains(q.MediaType, ".foreign."):
		return "foreign, not to be distributed"
	}
	return ""
}

// CheckDiffIDs says whether a config's diffIDs can identify the layers of a
// manifest, both from the base up: one diffID for each layer, and one only for
// all layers of the same digest.
func CheckDiffIDs(layers, diffIDs []digest.Digest) error {
	if len(layers) != len(diffIDs) {
		return fmt.Errorf("the manifest has %d layers, the config names %d", len(layers), len(diffIDs))
	}
	claimed := map[digest.Digest]digest.Digest{}
	for i, d := range layers {
		if other, ok := claimed[d]; ok && other != diffIDs[i] {
			return fmt.Errorf("the config gives layer %s two: %s and %s", d, other, diffIDs[i])
		}
		claimed[d] = diffIDs[i]
	}
	return nil
}
