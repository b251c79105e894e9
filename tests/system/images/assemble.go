package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// refName is the annotation that names an image in an OCI layout's index: here
// repository:tag, without a registry.
const refName = "org.opencontainers.image.ref.name"

// assemble writes image name, made of these layer tars, to a new OCI layout.
func assemble(layoutPath, name string, tars []string) error {
	layers := make([]v1.Layer, len(tars))
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i, path := range tars {
		group.Go(func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			layers[i], err = compress(path+".gz", f, types.DockerLayer)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return fmt.Errorf("appending layers: %w", err)
	}
	image, err = mutate.Config(image, v1.Config{
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
		Cmd:        []string{"/usr/bin/python3"},
		WorkingDir: "/root",
	})
	if err != nil {
		return fmt.Errorf("setting config: %w", err)
	}
	if image, err = platform(image); err != nil {
		return err
	}
	path, err := layout.Write(layoutPath, empty.Index)
	if err != nil {
		return fmt.Errorf("creating layout: %w", err)
	}
	return addImage(path, name, image)
}

// platform marks the image as one for the machine that it was made on.
func platform(image v1.Image) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	return mutate.ConfigFile(image, config)
}

func addImage(path layout.Path, name string, image v1.Image) error {
	named := layout.WithAnnotations(map[string]string{refName: name})
	if err := path.AppendImage(image, named); err != nil {
		return fmt.Errorf("writing image %q: %w", name, err)
	}
	return nil
}

// list prints, for each layer of each image in the layout: the image's name,
// the layer's place counted from 0 at the bottom, its digest, diffID and size.
func list(w io.Writer, layoutPath string) error {
	index, err := layout.ImageIndexFromPath(filepath.Clean(layoutPath))
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, desc := range manifest.Manifests {
		if !desc.MediaType.IsImage() {
			continue
		}
		image, err := index.Image(desc.Digest)
		if err != nil {
			return err
		}
		if err := listLayers(w, desc.Annotations[refName], image); err != nil {
			return err
		}
	}
	return nil
}

func listLayers(w io.Writer, name string, image v1.Image) error {
	m, err := image.Manifest()
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	for i, l := range m.Layers {
		if _, err := fmt.Fprintln(w, name, i, l.Digest, config.RootFS.DiffIDs[i], l.Size); err != nil {
			return err
		}
	}
	return nil
}
