// Command estargz converts an image to eStargz, the form of layers that
// stargz-store can read piece by piece, as a publisher for it has to.
//
//	estargz LAYOUT NAME NEW NEWNAME    image NAME of an OCI layout, as NEWNAME in a new layout
package main

import (
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// refName is the annotation that names an image in an OCI layout's index.
const refName = "org.opencontainers.image.ref.name"

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: estargz LAYOUT NAME NEW NEWNAME")
		os.Exit(2)
	}
	if err := convert(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "estargz:", err)
		os.Exit(1)
	}
}

func convert(from, name, to, newName string) error {
	image, err := find(from, name)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading config of %q: %w", name, err)
	}
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("reading layers of %q: %w", name, err)
	}
	dir, err := os.MkdirTemp("", "estargz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The tars are others, for they hold the table of contents: so are their
	// diffIDs, and the image.
	base := config.DeepCopy()
	base.RootFS.DiffIDs, base.History = nil, nil
	oci := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	converted, err := mutate.ConfigFile(oci, base)
	if err != nil {
		return err
	}
	for i, l := range layers {
		seekable, err := newLayer(dir, l)
		if err != nil {
			return fmt.Errorf("converting layer %d: %w", i, err)
		}
		addendum := mutate.Addendum{Layer: seekable, Annotations: seekable.annotations}
		if converted, err = mutate.Append(converted, addendum); err != nil {
			return fmt.Errorf("appending layer %d: %w", i, err)
		}
	}
	path, err := layout.Write(to, empty.Index)
	if err != nil {
		return fmt.Errorf("creating layout: %w", err)
	}
	return path.AppendImage(converted, layout.WithAnnotations(map[string]string{refName: newName}))
}

func find(path, name string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("opening layout: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading layout: %w", err)
	}
	for _, desc := range manifest.Manifests {
		if desc.Annotations[refName] == name {
			return index.Image(desc.Digest)
		}
	}
	return nil, fmt.Errorf("no image %q in %q", name, path)
}
