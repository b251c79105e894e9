package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// isPlatform compares os/arch; a config often leaves the variant out.
func isPlatform(have, want string) bool {
	return have == want || strings.HasPrefix(have, want+"/") || strings.HasPrefix(have, want+":")
}

// zstdAnnotation marks an image of an index whose layers are compressed with
// zstd. podman prefers it to one of the same platform with gzip.
const zstdAnnotation = "io.github.containers.compression.zstd"

// fromIndex chooses the image that podman chooses.
func fromIndex(index v1.ImageIndex, wanted []v1.Platform) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading index: %w", err)
	}
	return choose(index, manifest.Manifests, wanted, manifest.MediaType != types.DockerManifestList)
}

// candidate is an entry of an index that will do.
type candidate struct {
	v1.Descriptor
	rank int // of its platform; the last for one that states none
	zstd bool
}

// candidates sorts the entries of an index that will do, the best first, and
// says what the others are for. An entry that states no platform will do if it
// is the only one, or in an OCI index.
func candidates(among []v1.Descriptor, wanted []v1.Platform, oci bool) (fit []candidate, others []string) {
	for _, d := range among {
		c := candidate{Descriptor: d, rank: len(wanted), zstd: oci && d.Annotations[zstdAnnotation] == "true"}
		switch {
		case d.Platform != nil:
			if c.rank = rank(*d.Platform, wanted); c.rank < 0 {
				others = append(others, d.Platform.String())
				continue
			}
		case !oci && len(among) > 1 && !d.MediaType.IsIndex():
			others = append(others, "an image for an unstated platform")
			continue
		}
		fit = append(fit, c)
	}
	slices.SortStableFunc(fit, func(a, b candidate) int {
		if a.rank != b.rank || a.zstd == b.zstd {
			return a.rank - b.rank
		}
		if a.zstd {
			return -1
		}
		return 1
	})
	return fit, others
}

// choose takes the best of the descriptors that is an image.
func choose(index v1.ImageIndex, among []v1.Descriptor, wanted []v1.Platform, oci bool) (v1.Image, error) {
	fit, others := candidates(among, wanted, oci)
	for _, d := range fit {
		switch {
		case d.MediaType.IsIndex():
			nested, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, fmt.Errorf("reading index %s: %w", d.Digest, err)
			}
			if err := checkManifest(nested, d.Digest); err != nil {
				return nil, err
			}
			img, err := fromIndex(nested, wanted)
			if errors.Is(err, ErrNoImage) {
				others = append(others, "an index without it")
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
			others = append(others, string(d.MediaType))
		}
	}
	return nil, fmt.Errorf("%w for %s: the index has %s", ErrNoImage, wanted[0], strings.Join(others, ", "))
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
