package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// ErrNoImage says that what was named is not an image that can be run: an
// artifact, a schema 1 image, an index without the platform that was asked for.
var ErrNoImage = errors.New("no usable image")

// Image is one image for one platform.
type Image struct {
	// Name is REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@DIGEST, complete
	// and safe as a relative path.
	Name string
	// MediaType is the manifest's.
	MediaType string
	// Config names the image's config, and so the image.
	Config Descriptor
	// Platform is what the config states, such as linux/amd64.
	Platform string
	// Layers are in the manifest's order, lowest first.
	Layers []Layer
}

// Descriptor is what a manifest says of a blob.
type Descriptor struct {
	MediaType string
	Size      int64 // bytes
	Digest    digest.Digest
}

// Layer is one layer of an image.
type Layer struct {
	Descriptor
	DiffID digest.Digest
	// Skip says why the layer's bytes are no layer tar that anyone may
	// publish; "" for an ordinary layer.
	Skip string
	// Uncompressed says that Open gives the tar itself and not the blob that
	// Digest names: a docker archive holds no blobs, and Digest was computed
	// from this tar.
	Uncompressed bool

	open func() (io.ReadCloser, error)
}

// Open gives the layer's bytes.
func (l Layer) Open() (io.ReadCloser, error) {
	r, err := l.open()
	if err != nil {
		return nil, fmt.Errorf("opening blob: %w", err)
	}
	return r, nil
}

// Options say how an image is found.
type Options struct {
	// Platform is os/arch or os/arch/variant; "" means Linux on this
	// architecture in an index, and anything where there is no choice.
	Platform string
	// Name replaces the name that the image has in its registry or archive.
	Name string
	// PlainHTTP allows a registry without TLS; one on the loopback is allowed in any case.
	PlainHTTP bool
	// SkipTLSVerify accepts any certificate, and a registry without TLS.
	SkipTLSVerify bool
}

// IsRegistry says that ref does not begin with the name of another transport
// than docker://, whether Open supports that or not.
func IsRegistry(ref string) bool {
	switch transport, _, _ := strings.Cut(ref, ":"); transport {
	case "oci", "docker-archive", "containers-storage", "dir", "docker-daemon", "oci-archive", "sif", "tarball":
		return false
	default:
		return true
	}
}

// Open finds the image that ref names.
func Open(ctx context.Context, ref string, o Options) (*Image, error) {
	platform, err := parsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	var img v1.Image
	var name string
	switch transport, rest, _ := strings.Cut(ref, ":"); transport {
	case "http":
		return nil, fmt.Errorf("opening image %q: a registry's image is named without http://: type %s, and --plain-http for a registry without TLS",
			ref, strings.TrimLeft(rest, "/"))
	case "containers-storage", "dir", "docker-daemon", "oci-archive", "sif", "tarball":
		return nil, fmt.Errorf("opening image %q: %s: is not supported, copy the image into an OCI layout: skopeo copy %[1]s oci:DIR", ref, transport)
	case "oci":
		img, name, err = openLayout(rest, platform)
	case "docker-archive":
		img, name, err = openArchive(rest)
	default:
		// https:// is how DUCC names images, and registries' pages show them.
		rest := strings.TrimPrefix(strings.TrimPrefix(ref, "docker://"), "https://")
		img, name, err = openRegistry(ctx, rest, platform, o)
	}
	if err == nil && o.Name != "" {
		name, err = givenName(o.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("opening image %q: %w", ref, err)
	}
	out, err := load(name, img)
	if err != nil {
		return nil, fmt.Errorf("opening image %q: %w", ref, err)
	}
	for i := range out.Layers {
		out.Layers[i].fetch(img, strings.HasPrefix(ref, "docker-archive:"))
	}
	if asked := platform[0].OS + "/" + platform[0].Architecture; o.Platform != "" && !isPlatform(out.Platform, asked) {
		return nil, fmt.Errorf("opening image %q: %w: it is for %s, not %s", ref, ErrNoImage, out.Platform, asked)
	}
	return out, nil
}

// load reads an image's manifest and config and pairs digests with diffIDs.
func load(name string, img v1.Image) (*Image, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	mediaType, err := img.MediaType()
	if err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	config, err := readConfig(img, manifest)
	if err != nil {
		return nil, err
	}
	diffIDs := config.RootFS.DiffIDs
	if len(diffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("%w: the manifest has %d layers and the config %d diffIDs",
			ErrNoImage, len(manifest.Layers), len(diffIDs))
	}
	out := &Image{
		Name:      name,
		MediaType: string(mediaType),
		Config:    describe(manifest.Config),
		Platform:  config.Platform().String(),
	}
	seen := map[digest.Digest]digest.Digest{}
	for i, d := range manifest.Layers {
		layer := Layer{
			Descriptor: describe(d),
			DiffID:     digest.Digest(diffIDs[i].String()),
			Skip:       skip(d),
		}
		if err := cvmfs.CheckDigest(layer.Digest); err != nil {
			return nil, fmt.Errorf("reading layer %d of the manifest: %w", i, err)
		}
		if err := cvmfs.CheckDigest(layer.DiffID); err != nil {
			return nil, fmt.Errorf("reading diffID %d of the config: %w", i, err)
		}
		if before, ok := seen[layer.Digest]; ok && before != layer.DiffID {
			return nil, fmt.Errorf("%w: the config names two diffIDs for layer %s", cvmfs.ErrMismatch, layer.Digest)
		}
		seen[layer.Digest] = layer.DiffID
		out.Layers = append(out.Layers, layer)
	}
	return out, nil
}

// readConfig reads the config and holds it against the manifest.
func readConfig(img v1.Image, manifest *v1.Manifest) (*v1.ConfigFile, error) {
	if !manifest.Config.MediaType.IsConfig() {
		return nil, fmt.Errorf("%w: a config of type %q is not an image's", ErrNoImage, manifest.Config.MediaType)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading config: %w", err)
	}
	if got := digest.FromBytes(raw).String(); got != manifest.Config.Digest.String() {
		return nil, fmt.Errorf("%w: the config is %s and the manifest names %s", cvmfs.ErrMismatch, got, manifest.Config.Digest)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading config: %w", err)
	}
	return config, nil
}

// Distinct gives the layers without repetitions: an image may have the same
// layer, often the empty one, at several places.
func (img *Image) Distinct() []Layer {
	seen := map[digest.Digest]bool{}
	var out []Layer
	for _, l := range img.Layers {
		if !seen[l.Digest] {
			seen[l.Digest] = true
			out = append(out, l)
		}
	}
	return out
}

// fetch says where the layer's bytes are.
func (l *Layer) fetch(img v1.Image, uncompressed bool) {
	l.Uncompressed = uncompressed
	h := v1.Hash{Algorithm: l.Digest.Algorithm().String(), Hex: l.Digest.Encoded()}
	l.open = func() (io.ReadCloser, error) {
		layer, err := img.LayerByDigest(h)
		if err != nil {
			return nil, err
		}
		if uncompressed {
			return layer.Uncompressed()
		}
		return layer.Compressed()
	}
}

func describe(d v1.Descriptor) Descriptor {
	return Descriptor{MediaType: string(d.MediaType), Size: d.Size, Digest: digest.Digest(d.Digest.String())}
}

// skip says why a layer cannot be published. Foreign layers may not be
// redistributed; an encrypted one means nothing to those without the key.
func skip(d v1.Descriptor) string {
	switch {
	case !d.MediaType.IsDistributable(), len(d.URLs) > 0, strings.Contains(string(d.MediaType), ".nondistributable."):
		return "foreign layer, not to be distributed"
	case strings.HasSuffix(string(d.MediaType), "+encrypted"):
		return "encrypted layer"
	default:
		return ""
	}
}
