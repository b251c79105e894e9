package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// ManifestFile is the name of a published image's Manifest, below
// .metadata/<registry>/<repository>:<tag>.
const ManifestFile = "manifest.json"

// Manifest is what DUCC keeps of an image's manifest: re-marshalled with
// capitalised keys, so not the registry's bytes and not of their digest.
type Manifest struct {
	SchemaVersion int
	MediaType     string
	Config        source.Descriptor
	Layers        []source.Descriptor
}

// Origin is the content of a layer's origin.json.
type Origin struct {
	Origin []digest.Digest `json:"origin"` // configs of the images that use the layer
}

const (
	dirMode    = 0o755
	fileMode   = 0o644
	markerMode = 0o664 // what DUCC gives .cvmfscatalog
)

// mkdir makes a directory with DUCC's mode whatever the umask, and its missing
// parents below top. What is there is left alone, if it is a directory.
func mkdir(top, path string) error {
	if path == top {
		return nil
	}
	if err := mkdir(top, filepath.Dir(path)); err != nil {
		return err
	}
	err := os.Mkdir(path, dirMode)
	if err == nil {
		return os.Chmod(path, dirMode)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a directory", path)
	}
	return nil
}

// mark puts a catalogue marker into a directory, if there is none.
func mark(dir string) error {
	path := filepath.Join(dir, cvmfs.CatalogFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, markerMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Chmod(markerMode)
}

// writeJSON writes a file so that a reader sees the old one or the new one; it
// is written in the staging directory, where a killed run's remains are swept.
func (s *stage) writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.path, "json-*")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(fileMode); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// MaxRecord is how many bytes are read of a record in a repository: a manifest
// has some 200 for each layer, an origin 80 for each image.
const MaxRecord = 16 << 20

// ReadLayerMetadata reads a layer directory's layers.json. An older layer may
// have none: fs.ErrNotExist.
func ReadLayerMetadata(layerDir string) (cvmfs.LayerMetadata, error) {
	path := filepath.Join(layerDir, cvmfs.MetadataDir, cvmfs.LayerMetadataFile)
	data, err := beneath.ReadFile(path, MaxRecord)
	if err != nil {
		return cvmfs.LayerMetadata{}, err
	}
	var all []cvmfs.LayerMetadata
	if err := json.Unmarshal(data, &all); err != nil {
		return cvmfs.LayerMetadata{}, fmt.Errorf("parsing %q: %w", path, err)
	}
	if len(all) != 1 {
		return cvmfs.LayerMetadata{}, fmt.Errorf("parsing %q: %d layers instead of one", path, len(all))
	}
	return all[0], nil
}

// checkThere refuses an image that claims another diffID for a layer that is
// there than its directory states.
func checkThere(layerDir string, layer source.Layer) error {
	stated, err := ReadLayerMetadata(layerDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if stated.DiffDigest != "" && stated.DiffDigest != layer.DiffID {
		return fmt.Errorf("%w: the tar of what is there is %s and the config names %s",
			cvmfs.ErrMismatch, stated.DiffDigest, layer.DiffID)
	}
	return nil
}

// readOrigin reads a layer's origins; a layer without the file has none.
func readOrigin(path string) (Origin, error) {
	data, err := beneath.ReadFile(path, MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return Origin{}, nil
	}
	if err != nil {
		return Origin{}, err
	}
	var o Origin
	if err := json.Unmarshal(data, &o); err != nil {
		return Origin{}, fmt.Errorf("parsing %q: %w", path, err)
	}
	return o, nil
}

// addOrigin notes in a layer's directory that an image uses it.
func (s *stage) addOrigin(layerDir string, config digest.Digest) error {
	dir := filepath.Join(layerDir, cvmfs.MetadataDir)
	path := filepath.Join(dir, cvmfs.OriginFile)
	o, err := readOrigin(path)
	if err != nil {
		return err
	}
	if slices.Contains(o.Origin, config) {
		return nil
	}
	if err := mkdir(layerDir, dir); err != nil {
		return err
	}
	o.Origin = append(o.Origin, config)
	return s.writeJSON(path, o)
}

// writeManifest makes an image known.
func (s *stage) writeManifest(dir string, img *source.Image) error {
	m := Manifest{SchemaVersion: 2, MediaType: img.MediaType, Config: img.Config, Layers: []source.Descriptor{}}
	for _, l := range img.Layers {
		m.Layers = append(m.Layers, l.Descriptor)
	}
	path := filepath.Join(dir, cvmfs.MetadataDir, filepath.FromSlash(img.Name))
	if err := mkdir(dir, path); err != nil {
		return err
	}
	return s.writeJSON(filepath.Join(path, ManifestFile), m)
}
