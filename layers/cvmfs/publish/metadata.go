package publish

import (
	"bytes"
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
	if err := f.Sync(); err != nil { // else a power cut may leave the name of an empty file
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
		return cvmfs.LayerMetadata{}, fmt.Errorf("%w: parsing %q: %w", errRecord, path, err)
	}
	if len(all) != 1 {
		return cvmfs.LayerMetadata{}, fmt.Errorf("%w: parsing %q: %d layers instead of one", errRecord, path, len(all))
	}
	return all[0], nil
}

// readOrigin reads a layer's origins; a layer without the file has none, nor
// has one whose file a power cut left damaged: it is written again.
func readOrigin(path string) (Origin, error) {
	data, err := beneath.ReadFile(path, MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return Origin{}, nil
	}
	if err != nil {
		return Origin{}, err
	}
	var o Origin
	if json.Unmarshal(data, &o) != nil {
		return Origin{}, nil //nolint:nilerr // a damaged record is written again
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
	path := manifestPath(dir, img)
	if err := mkdir(dir, filepath.Dir(path)); err != nil {
		return err
	}
	return s.writeJSON(path, newManifest(img))
}

func manifestPath(dir string, img *source.Image) string {
	return filepath.Join(dir, cvmfs.MetadataDir, filepath.FromSlash(img.Name), ManifestFile)
}

func newManifest(img *source.Image) Manifest {
	m := Manifest{SchemaVersion: 2, MediaType: img.MediaType, Config: img.Config, Layers: []source.Descriptor{}}
	for _, l := range img.Layers {
		m.Layers = append(m.Layers, l.Descriptor)
	}
	return m
}

// isDescribed says that the tree has all that describe would write, so that no
// revision need be published for it.
func (r *run) isDescribed(img *source.Image) (bool, error) {
	if len(r.records) > 0 {
		return false, nil
	}
	want, err := json.Marshal(newManifest(img))
	if err != nil {
		return false, err
	}
	have, err := beneath.ReadFile(manifestPath(r.Dir, img), MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !bytes.Equal(have, want) {
		return false, err
	}
	for _, layer := range img.Distinct() {
		layerDir, err := layerPath(r.Dir, layer.Digest)
		if err != nil {
			return false, err
		}
		o, err := readOrigin(filepath.Join(layerDir, cvmfs.MetadataDir, cvmfs.OriginFile))
		if err != nil || layer.Skip == "" && !slices.Contains(o.Origin, img.Config.Digest) {
			return false, err
		}
	}
	return true, nil
}
