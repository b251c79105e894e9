package inventory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
)

// Contents is all that a repository holds.
type Contents struct {
	Repository string  `json:"repository"`
	Images     []Image `json:"images"` // by name
	Layers     []Layer `json:"layers"` // by digest
}

// Image is an image that a repository's .metadata names.
type Image struct {
	Name   string          `json:"name"` // <registry>/<repository>:<tag>
	Config digest.Digest   `json:"config"`
	Layers []digest.Digest `json:"layers"` // lowest first
}

// Layer is a layer that a repository has or that one of its images names.
type Layer struct {
	Digest digest.Digest `json:"digest"`
	DiffID digest.Digest `json:"diff-id,omitempty"` // "" without Metadata
	// Size is that of the unpacked tar in bytes, -1 without Metadata.
	Size     int64 `json:"size"`
	Present  bool  `json:"present"`  // there is a layerfs
	Metadata bool  `json:"metadata"` // there is a layers.json
	Images   int   `json:"images"`   // how many images of the repository name it
}

// readers hide the latency of a network file system.
const readers = 16

// List reads what the repository at path holds. With an error that is about
// single images or layers it gives all others; a path without layers is
// cvmfs.ErrUnavailable, as it is in a pull.
func List(path string) (Contents, error) {
	c := Contents{Repository: path, Images: []Image{}, Layers: []Layer{}}
	digests, err := layerDigests(path)
	if err != nil {
		return c, fmt.Errorf("listing repository %q: %w: %w", path, cvmfs.ErrUnavailable, err)
	}
	var problems []error
	c.Images, problems = images(filepath.Join(path, cvmfs.MetadataDir))

	used := map[digest.Digest]int{}
	for _, d := range digests {
		used[d] = 0
	}
	for _, image := range c.Images {
		for d := range set(image.Layers) {
			used[d]++
		}
	}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(readers)
	for d, n := range used {
		group.Go(func() error {
			layer, err := readLayer(path, d)
			layer.Images = n
			mu.Lock()
			defer mu.Unlock()
			c.Layers = append(c.Layers, layer)
			if err != nil {
				problems = append(problems, fmt.Errorf("reading layer %s: %w", d, err))
			}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	slices.SortFunc(c.Layers, func(a, b Layer) int { return cmp.Compare(a.Digest, b.Digest) })
	return c, errors.Join(problems...)
}

// layerDigests lists the names in .layers/<2>/ that can be layers.
func layerDigests(path string) ([]digest.Digest, error) {
	layers := filepath.Join(path, cvmfs.LayersDir)
	buckets, err := os.ReadDir(layers)
	if err != nil {
		return nil, err
	}
	var out []digest.Digest
	for _, bucket := range buckets {
		if !bucket.IsDir() || len(bucket.Name()) != 2 {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(layers, bucket.Name()))
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			d := digest.NewDigestFromEncoded(digest.SHA256, entry.Name())
			if entry.IsDir() && cvmfs.CheckDigest(d) == nil && entry.Name()[:2] == bucket.Name() {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

func readLayer(path string, d digest.Digest) (Layer, error) {
	layer := Layer{Digest: d, Size: -1}
	rel, err := cvmfs.LayerDir(d)
	if err != nil {
		return layer, err
	}
	dir := filepath.Join(path, rel)
	info, err := os.Lstat(filepath.Join(dir, cvmfs.LayerFS))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return layer, err
	}
	layer.Present = err == nil && info.IsDir()
	m, err := publish.ReadLayerMetadata(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return layer, nil
	}
	if err != nil {
		return layer, err
	}
	layer.Metadata, layer.DiffID, layer.Size = true, m.DiffDigest, m.DiffSize
	return layer, nil
}

// images reads all manifests below a repository's .metadata.
func images(metadata string) ([]Image, []error) {
	out := []Image{}
	var problems []error
	err := filepath.WalkDir(metadata, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path != metadata || !errors.Is(err, fs.ErrNotExist) { // a repository may have no images
				problems = append(problems, err)
			}
			return nil
		}
		if d.IsDir() || d.Name() != publish.ManifestFile {
			return nil
		}
		image, err := readImage(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("reading image: %w", err))
			return nil
		}
		if image.Name, err = filepath.Rel(metadata, filepath.Dir(path)); err != nil {
			return err
		}
		out = append(out, image)
		return nil
	})
	if err != nil {
		problems = append(problems, err)
	}
	slices.SortFunc(out, func(a, b Image) int { return cmp.Compare(a.Name, b.Name) })
	return out, problems
}

func readImage(path string) (Image, error) {
	data, err := beneath.ReadFile(path, publish.MaxRecord)
	if err != nil {
		return Image{}, err
	}
	var m publish.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Image{}, fmt.Errorf("parsing %q: %w", path, err)
	}
	image := Image{Config: m.Config.Digest, Layers: []digest.Digest{}}
	for _, l := range m.Layers {
		if err := cvmfs.CheckDigest(l.Digest); err != nil {
			return Image{}, fmt.Errorf("parsing %q: %w", path, err)
		}
		image.Layers = append(image.Layers, l.Digest)
	}
	return image, nil
}

func set(digests []digest.Digest) map[digest.Digest]bool {
	out := map[digest.Digest]bool{}
	for _, d := range digests {
		out[d] = true
	}
	return out
}
