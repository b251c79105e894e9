package cvmfs

import (
	"fmt"
	"strconv"
	"strings"
)

// Identity says which content a layer directory held when it was recorded.
// Only a CVMFS client shows it; on any other tree all fields are zero.
type Identity struct {
	// Repository is the fully qualified repository name, such as unpacked.cern.ch.
	Repository string `json:"repository,omitempty"`
	// Revision counts the repository's published versions.
	Revision uint64 `json:"revision,omitempty"`
	// RootHash is the content hash of the repository's root catalogue, in hexadecimal digits.
	RootHash string `json:"root-hash,omitempty"`
	// CatalogHash is the content hash of the layer's own catalogue, in
	// hexadecimal digits: it changes with the layer's content, and when a
	// layer that was removed is published again.
	CatalogHash string `json:"catalog-hash,omitempty"`
}

// Layer is a layer directory as found in a repository, and all that a store
// records of it. Its JSON form leaves the path out: a driver's record keeps
// that in a place of its own.
type Layer struct {
	// Path is the absolute path of the layer directory, ending in LayerFS.
	Path string `json:"-"`
	// DiffSize is the size of the uncompressed tar in bytes, -1 if the repository does not say.
	DiffSize int64 `json:"diff-size"`
	Identity
}

// MaxDiffSize is far above the size of any layer's tar: 1 PiB. The sum of as many
// layers as an image can have does not overflow.
const MaxDiffSize = 1 << 50

// StoredSize is DiffSize, or 0 if the repository does not say; of no layer too.
func (l *Layer) StoredSize() int64 {
	if l == nil || l.DiffSize < 0 {
		return 0
	}
	return l.DiffSize
}

// Magic extended attributes of the CVMFS client; they answer by name and are
// not listed (cvmfs/magic_xattr.cc).
const (
	xattrFQRN     = "user.fqrn"
	xattrRevision = "user.revision"
	xattrRootHash = "user.root_hash"
	xattrCounters = "user.catalog_counters"

	counterHash = "catalog_hash:"
)

// ReadIdentity asks the tree which content is in front of us: repository is an
// open directory descriptor of the repository's root, layer one of the layer
// directory. A tree that has no such attributes gives the zero Identity.
func ReadIdentity(repository, layer int) (Identity, error) {
	id, err := ReadRepositoryIdentity(repository)
	if err != nil || id.Repository == "" {
		return Identity{}, err
	}
	id.CatalogHash, err = CatalogHash(layer)
	return id, err
}

// ReadRepositoryIdentity is ReadIdentity for a repository as a whole: the
// result has no CatalogHash.
func ReadRepositoryIdentity(repository int) (Identity, error) {
	var id Identity
	var err error
	if id.Repository, err = magic(repository, xattrFQRN); err != nil || id.Repository == "" {
		return Identity{}, err
	}
	revision, err := magic(repository, xattrRevision)
	if err != nil {
		return Identity{}, err
	}
	if revision != "" {
		if id.Revision, err = strconv.ParseUint(revision, 10, 64); err != nil {
			return Identity{}, fmt.Errorf("parsing %s: %w", xattrRevision, err)
		}
	}
	id.RootHash, err = magic(repository, xattrRootHash)
	return id, err
}

// CatalogHash reads the content hash of the catalogue that the open directory
// belongs to, or "" where the tree does not show one.
func CatalogHash(dir int) (string, error) {
	counters, err := magic(dir, xattrCounters)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(counters, "\n") {
		if hash, ok := strings.CutPrefix(strings.TrimSpace(line), counterHash); ok {
			return strings.TrimSpace(hash), nil
		}
	}
	return "", nil
}
