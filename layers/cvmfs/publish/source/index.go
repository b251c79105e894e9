package source

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

func parsePlatform(s string) (v1.Platform, error) {
	if s == "" {
		return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, nil
	}
	p, err := v1.ParsePlatform(s)
	if err != nil {
		return v1.Platform{}, fmt.Errorf("parsing platform %q: %w", s, err)
	}
	if p.OS == "" || p.Architecture == "" {
		return v1.Platform{}, fmt.Errorf("parsing platform %q: want os/arch or os/arch/variant", s)
	}
	return *p, nil
}

// isPlatform compares os/arch; a config often leaves the variant out.
func isPlatform(have, want string) bool {
	return have == want || strings.HasPrefix(have, want+"/") || strings.HasPrefix(have, want+":")
}

// fromIndex chooses the first image of the platform.
func fromIndex(index v1.ImageIndex, platform v1.Platform) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading index: %w", err)
	}
	return choose(index, manifest.Manifests, platform)
}

// choose takes the first of the descriptors that is an image of the platform.
// An entry that states no platform is taken only if it is the only one.
func choose(index v1.ImageIndex, among []v1.Descriptor, platform v1.Platform) (v1.Image, error) {
	var have []string
	for _, d := range among {
		if d.Platform == nil && len(among) > 1 && !d.MediaType.IsIndex() {
			have = append(have, "an image for an unstated platform")
			continue
		}
		if d.Platform != nil && !d.Platform.Satisfies(platform) {
			have = append(have, d.Platform.String())
			continue
		}
		switch {
		case d.MediaType.IsIndex():
			nested, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, fmt.Errorf("reading index %s: %w", d.Digest, err)
			}
			if err := checkManifest(nested, d.Digest); err != nil {
				return nil, err
			}
			img, err := fromIndex(nested, platform)
			if errors.Is(err, ErrNoImage) {
				have = append(have, "an index without it")
				continue
			}
			return img, err
		case d.MediaType.IsImage():
			img, err := index.Image(d.Digest)
			if err != nil {
				return nil, fmt.Errorf("reading manifest %s: %w", d.Digest, err)
			}
			return img, checkManifest(img, d.Digest)
		default:
			have = append(have, string(d.MediaType))
		}
	}
	return nil, fmt.Errorf("%w for %s: the index has %s", ErrNoImage, platform, strings.Join(have, ", "))
}

// checkManifest holds a manifest's bytes against the digest it is named by: an
// OCI layout's files are read unchecked.
func checkManifest(m interface{ Digest() (v1.Hash, error) }, want v1.Hash) error {
	got, err := m.Digest()
	if err != nil {
		return fmt.Errorf("reading manifest %s: %w", want, err)
	}
	if got != want {
		return fmt.Errorf("%w: the manifest is %s and the index names %s", cvmfs.ErrMismatch, got, want)
	}
	return nil
}
