package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// crafted is one of the small images: its layers from the bottom up.
type crafted struct {
	name   string
	layers [][]item
	user   string
	format format
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

// small writes the crafted images to a new OCI layout. busyboxPath is a
// statically linked busybox, which becomes the images' shell.
func small(layoutPath, busyboxPath string) error {
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
		image, err := c.build(filepath.Join(work, fmt.Sprint(i)))
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

func (c crafted) build(prefix string) (v1.Image, error) {
	image := empty.Image
	if c.format.oci || c.format.zstd {
		image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
	}
	for i, items := range c.layers {
		archive, err := layerTar(items)
		if err != nil {
			return nil, err
		}
		l, err := compress(fmt.Sprintf("%s-%d", prefix, i), bytes.NewReader(archive), c.format.layer())
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: l, MediaType: c.format.layer()}); err != nil {
			return nil, fmt.Errorf("appending layer %d: %w", i, err)
		}
	}
	image, err := mutate.Config(image, v1.Config{
		Env:  []string{"PATH=/bin:/usr/bin"},
		Cmd:  []string{"/bin/sh"},
		User: c.user,
	})
	if err != nil {
		return nil, err
	}
	return platform(image)
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
