package cvmfs

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

// Names in the layout that DUCC writes (cvmfs/ducc, package lib).
const (
	// LayersDir holds all layers, below the repository's root.
	LayersDir = ".layers"
	// LayerFS is the unpacked layer tar, below its LayerDir.
	LayerFS = "layerfs"
	// FlatDir holds images as whole trees, which this project has no use for.
	FlatDir = ".flat"
	// MetadataDir holds images at the repository's root, and a layer's own record in its LayerDir.
	MetadataDir = ".metadata"
	// LayerMetadataFile is the layer's own record below LayerDir/MetadataDir: an array of one LayerMetadata.
	LayerMetadataFile = "layers.json"
	// OriginFile stands beside LayerMetadataFile and names the image configs that use the layer.
	OriginFile = "origin.json"
	// CatalogFile is the empty file that asks the CVMFS publisher for a nested catalogue.
	CatalogFile = ".cvmfscatalog"
	// autoCatalogFile stands beside it where the server has split a large catalogue by itself.
	autoCatalogFile = ".cvmfsautocatalog"
	// BundlePrefix begins the names of files that list which objects the client
	// fetches together with the file of the rest of the name (client 2.14).
	BundlePrefix = ".cvmfsbundle-"
)

// IsCatalogMarker says whether a file of this name, anywhere in a repository,
// marks where a catalogue begins (cvmfs/catalog_balancer_impl.h).
func IsCatalogMarker(name string) bool { return name == CatalogFile || name == autoCatalogFile }

// IsMarker says whether a file of this name, anywhere in a repository, is no
// content: it tells the CVMFS server or client something about the names beside it.
func IsMarker(name string) bool {
	return IsCatalogMarker(name) || strings.HasPrefix(name, BundlePrefix)
}

// LayerMetadata is the object in LayerMetadataFile.
type LayerMetadata struct {
	ID                   string        `json:"id"` // the diffID's hexadecimal digits
	Created              time.Time     `json:"created"`
	CompressedDiffDigest digest.Digest `json:"compressed-diff-digest"` // the layer's digest
	DiffDigest           digest.Digest `json:"diff-digest"`            // the layer's diffID
	DiffSize             int64         `json:"diff-size"`              // bytes of the uncompressed tar
}

// LayerDir is the directory of layer d, relative to the repository's root.
func LayerDir(d digest.Digest) (string, error) {
	if err := CheckDigest(d); err != nil {
		return "", err
	}
	hex := d.Encoded()
	return filepath.Join(LayersDir, hex[:2], hex), nil
}

// SplitLayerPath is the inverse of joining a repository's root, LayerDir and
// LayerFS: it takes an absolute, clean path apart, or says what is wrong with it.
func SplitLayerPath(path string) (repository string, d digest.Digest, err error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return "", "", fmt.Errorf("%w: path %q is not absolute and clean", ErrInvalidLayer, path)
	}
	if !utf8.ValidString(path) { // records are JSON, which would hold another path
		return "", "", fmt.Errorf("%w: path %q is not UTF-8", ErrInvalidLayer, path)
	}
	rest, ok := strings.CutSuffix(path, "/"+LayerFS)
	if !ok {
		return "", "", fmt.Errorf("%w: path %q does not end in %s", ErrInvalidLayer, path, LayerFS)
	}
	d = digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(rest))
	dir, err := LayerDir(d)
	if err != nil {
		return "", "", fmt.Errorf("%w: path %q: %w", ErrInvalidLayer, path, err)
	}
	repository, ok = strings.CutSuffix(rest, "/"+dir)
	if !ok || repository == "" {
		return "", "", fmt.Errorf("%w: path %q is not <repository>/%s/%s", ErrInvalidLayer, path, dir, LayerFS)
	}
	return repository, d, nil
}
