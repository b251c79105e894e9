package source

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	imagespec "github.com/opencontainers/image-spec/specs-go/v1"
)

// splitPath takes PATH[:TAG] apart. A path that exists as it stands wins, so
// that one with a colon in it can be named.
func splitPath(s string) (path, tag string) {
	if _, err := os.Lstat(s); err == nil {
		return s, ""
	}
	path, tag, _ = strings.Cut(s, ":")
	return path, tag
}

// openLayout reads an OCI image layout. With no tag, the layout's index is
// treated like any other: one image, or one for the platform.
func openLayout(s string, platform []v1.Platform) (v1.Image, string, error) {
	path, tag := splitPath(s)
	dir, err := layout.FromPath(path)
	if err != nil {
		return nil, "", err
	}
	index, err := dir.ImageIndex()
	if err != nil {
		return nil, "", fmt.Errorf("reading index: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, "", fmt.Errorf("reading index: %w", err)
	}
	among := manifest.Manifests
	if tag != "" {
		if among = tagged(among, tag); len(among) == 0 {
			return nil, "", fmt.Errorf("%w: no image is tagged %q", ErrNoImage, tag)
		}
	} else if len(among) == 1 {
		tag = among[0].Annotations[imagespec.AnnotationRefName]
	}
	img, err := choose(index, among, platform, false)
	if err != nil {
		return nil, "", err
	}
	return img, localName(path, tag), nil
}

func tagged(among []v1.Descriptor, tag string) []v1.Descriptor {
	var out []v1.Descriptor
	for _, d := range among {
		if d.Annotations[imagespec.AnnotationRefName] == tag {
			out = append(out, d)
		}
	}
	return out
}

// openArchive reads a docker archive.
func openArchive(s string) (v1.Image, string, error) {
	path, tag := splitPath(s)
	var wanted *name.Tag
	if tag != "" {
		parsed, err := name.NewTag(tag) // as the names in the archive are compared
		if err != nil {
			return nil, "", err
		}
		wanted = &parsed
	} else {
		images, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
		if err != nil {
			return nil, "", fmt.Errorf("reading archive: %w", err)
		}
		if len(images) > 1 {
			return nil, "", fmt.Errorf("%w: the archive holds %d images, name one by its tag", ErrNoImage, len(images))
		}
		if len(images) == 1 && len(images[0].RepoTags) > 0 {
			tag = images[0].RepoTags[0]
		}
	}
	img, err := tarball.ImageFromPath(path, wanted)
	if err != nil {
		return nil, "", fmt.Errorf("reading archive: %w", err)
	}
	if tag != "" {
		given, err := givenName(tag)
		return img, given, err
	}
	return img, localName(path, ""), nil
}
