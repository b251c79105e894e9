package pull

import (
	"fmt"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Docker's empty layer, gzipped: what old tools gave to instructions that change no
// file. Its diffID is that of an empty tar.
const emptyGzipped = digest.Digest("sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4")

// emptyTars are the digests of tars without an entry: nothing but blocks of zeros.
// Two of them end a tar; GNU tar and others fill a record of twenty, some write one
// or none.
var emptyTars = sync.OnceValue(func() map[digest.Digest]bool {
	const block, record = 512, 20
	tars := map[digest.Digest]bool{}
	for n := range record + 1 {
		tars[digest.FromBytes(make([]byte, n*block))] = true
	}
	return tars
})

// isEmpty says of a digest or a diffID that it is one of a layer that changes
// nothing. Publishers leave such layers out, and CVMFS cannot even ingest them
// (cvmfs issue 3042). A pull makes them of some thirty bytes.
func isEmpty(d digest.Digest) bool { return d == emptyGzipped || emptyTars()[d] }

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
