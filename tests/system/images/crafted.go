package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// crafted is a crafted image: its layers from the bottom up.
type crafted struct {
	name   string
	layers [][]item
	user   string
	home   string // where a container starts
	format format
	blobs  map[int]string // compressed layers given byte for byte, by place, instead of layers' items
}

// format is how an image is written down; the zero value is Docker's schema2
// with gzip.
type format struct {
	oci, zstd, list bool
}

func (f format) layer() types.MediaType {
	switch {
	case f.zstd:
		return types.OCILayerZStd
	case f.oci:
		return types.OCILayer
	default:
		return types.DockerLayer
	}
}

// writeImages writes a catalogue's images to a new OCI layout. busyboxPath is a
// statically linked busybox, which becomes the images' shell.
func writeImages(layoutPath, busyboxPath string, catalogue func(shell []byte) []crafted) error {
	shell, err := os.ReadFile(busyboxPath)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "images")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	path, err := layout.Write(layoutPath, empty.Index)
	if err != nil {
		return fmt.Errorf("creating layout: %w", err)
	}
	for i, c := range catalogue(shell) {
		image, layers, err := c.build(filepath.Join(work, fmt.Sprint(i)))
		if err == nil {
			err = writeBlobs(path, layers)
		}
		if err != nil {
			return fmt.Errorf("making image %q: %w", c.name, err)
		}
		if c.format.list {
			err = addList(path, c.name, image)
		} else {
			err = addImage(path, c.name, image)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeBlobs puts layers into the layout. The library writes an image's layers,
// too, but one for each diffID: empty layers are the same tar in several blobs.
func writeBlobs(path layout.Path, layers []v1.Layer) error {
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		r, err := l.Compressed()
		if err != nil {
			return err
		}
		if err := path.WriteBlob(digest, r); err != nil {
			return fmt.Errorf("writing layer %s: %w", digest, err)
		}
	}
	return nil
}

func (c crafted) build(prefix string) (v1.Image, []v1.Layer, error) {
	var layers []v1.Layer
	image := empty.Image
	if c.format.oci || c.format.zstd {
		image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
	}
	for i, items := range c.layers {
		l, err := c.layer(fmt.Sprintf("%s-%d", prefix, i), i, items)
		if err != nil {
			return nil, nil, fmt.Errorf("making layer %d: %w", i, err)
		}
		layers = append(layers, l)
		if image, err = mutate.Append(image, mutate.Addendum{Layer: l, MediaType: c.format.layer()}); err != nil {
			return nil, nil, fmt.Errorf("appending layer %d: %w", i, err)
		}
	}
	image, err := mutate.Config(image, v1.Config{
		Env:        []string{"PATH=/bin:/usr/bin"},
		Cmd:        []string{"/bin/sh"},
		User:       c.user,
		WorkingDir: c.home,
	})
	if err != nil {
		return nil, nil, err
	}
	image, err = platform(image)
	return image, layers, err
}

// layer writes layer i to path, tar and compression at the same time.
func (c crafted) layer(path string, i int, items []item) (v1.Layer, error) {
	if blob, ok := c.blobs[i]; ok {
		return literal(path, blob, c.format.layer())
	}
	r, w := io.Pipe()
	defer r.Close()
	go func() { w.CloseWithError(writeLayer(w, items)) }()
	return compress(path, r, c.format.layer())
}

// addList writes a manifest list (or OCI index) of two platforms: the image,
// and one for an architecture that no machine here has.
func addList(path layout.Path, name string, image v1.Image) error {
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	foreign := config.DeepCopy()
	foreign.Architecture = "mips64le"
	other, err := mutate.ConfigFile(image, foreign)
	if err != nil {
		return err
	}
	here := v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: config.Architecture}}
	there := v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: foreign.Architecture}}
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: other, Descriptor: there}, mutate.IndexAddendum{Add: image, Descriptor: here})
	mediaType := types.DockerManifestList
	if kind, err := image.MediaType(); err != nil {
		return err
	} else if kind == types.OCIManifestSchema1 {
		mediaType = types.OCIImageIndex
	}
	named := layout.WithAnnotations(map[string]string{refName: name})
	if err := path.AppendIndex(mutate.IndexMediaType(index, mediaType), named); err != nil {
		return fmt.Errorf("writing manifest list %q: %w", name, err)
	}
	return nil
}
