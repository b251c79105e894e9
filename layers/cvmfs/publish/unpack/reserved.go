package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

var (
	// ErrReserved says that a CVMFS server acts on an entry's name when it
	// publishes the entry, and does not store it.
	ErrReserved = errors.New("name is reserved by CVMFS")
	// ErrTransaction says that a whiteout is to be laid into a transaction of a
	// CVMFS server. The server takes the whiteout for a deletion and drops it.
	ErrTransaction = errors.New("a CVMFS transaction takes whiteouts for deletions")
)

// Names that a CVMFS server acts on. A graft shows another object of the
// repository under the name of a file of the layer; the others create
// catalogues and bundles, or end the publish. Sources: cvmfs/sync_item.cc,
// cvmfs/sync_union_tarball.cc, cvmfs/swissknife_ingest.cc and the chapter
// "Creating a repository" of CVMFS's documentation.
const (
	graftPrefix = ".cvmfsgraft-"
	bundleList  = ".cvmfsbundles"
	dirtab      = ".cvmfsdirtab"
)

// checkName refuses what steers the server that publishes the entry. An empty
// regular file that marks a catalogue is harmless: the worst is one more
// catalogue.
func checkName(h *tar.Header, base string) error {
	why := ""
	switch {
	case strings.HasPrefix(base, graftPrefix):
		why = "it would replace the contents of another file"
	case strings.HasPrefix(base, cvmfs.BundlePrefix), base == bundleList:
		why = "it would define a file bundle"
	case base == dirtab:
		why = "it would define catalogues"
	case cvmfs.IsCatalogMarker(base) && (h.Typeflag != tar.TypeReg || h.Size != 0):
		why = "only an empty file may have it, any other ends the publish"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s; this layer cannot be published, a pull downloads it", ErrReserved, why)
}

// isWhiteout says that a name deletes something of the lower layers, whatever
// has the name. A directory is none.
func isWhiteout(h *tar.Header, base string) bool {
	kind, _, _ := whiteout.Parse(base) // an invalid one deletes nothing
	return kind != whiteout.Entry && h.Typeflag != tar.TypeDir
}

// IsLinkedWhiteout says that an entry is a whiteout that was stored as a hard
// link. Docker's archiver stores all empty files with one inode so, and the
// link's target may be a file of a lower layer. Such an entry is an empty file:
// a whiteout has no contents.
func IsLinkedWhiteout(h *tar.Header, base string) bool {
	return h.Typeflag == tar.TypeLink && isWhiteout(h, base)
}
