package imagetest

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// Layer is a layer of exactly these bytes, right or wrong.
type Layer struct {
	Blob []byte // as the registry has it
	Diff []byte // what the diffID is of
	Type types.MediaType
}

var _ v1.Layer = Layer{}

func hash(b []byte) (v1.Hash, error) { return v1.NewHash(digest.FromBytes(b).String()) }

// Digest is the blob's.
func (l Layer) Digest() (v1.Hash, error) { return hash(l.Blob) }

// DiffID is that of Diff.
func (l Layer) DiffID() (v1.Hash, error) { return hash(l.Diff) }

// Compressed gives the blob.
func (l Layer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.Blob)), nil
}

// Uncompressed gives Diff.
func (l Layer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.Diff)), nil
}

// Size is the blob's.
func (l Layer) Size() (int64, error) { return int64(len(l.Blob)), nil }

// MediaType is what the manifest will say.
func (l Layer) MediaType() (types.MediaType, error) { return l.Type, nil }

// ID is the layer's digest.
func (l Layer) ID() digest.Digest { return digest.FromBytes(l.Blob) }

// Gzip makes the usual layer of a tar.
func Gzip(t testing.TB, tar []byte) Layer {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	write(t, w, tar)
	return Layer{Blob: out.Bytes(), Diff: tar, Type: types.DockerLayer}
}

// Zstd makes a layer as podman's --compression-format=zstd does.
func Zstd(t testing.TB, tar []byte) Layer {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, tar)
	return Layer{Blob: out.Bytes(), Diff: tar, Type: types.OCILayerZStd}
}

// Plain makes a layer that is not compressed.
func Plain(tar []byte) Layer {
	return Layer{Blob: tar, Diff: tar, Type: types.OCIUncompressedLayer}
}

func write(t testing.TB, w io.WriteCloser, data []byte) {
	t.Helper()
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Image makes an image for a platform such as linux/amd64: in OCI's form if
// one of its layers is, else schema 2.
func Image(t testing.TB, platform string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img := empty.Image
	for _, l := range layers {
		mt, err := l.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(mt), "vnd.oci") {
			img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
			break
		}
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, layers...); err != nil {
		t.Fatal(err)
	}
	return img
}

// Index makes a manifest list of images, by what their configs state.
func Index(t testing.TB, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, img := range images {
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: config.Platform()},
		})
	}
	return index
}

// Registry serves an empty registry on the loopback and gives its address.
// Requests go through wrap, if it is not nil.
func Registry(t testing.TB, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// Push puts an image or an index into a registry.
func Push(t testing.TB, ref string, what remote.Taggable) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	switch what := what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(parsed, what)
	case v1.Image:
		err = remote.Write(parsed, what)
	default:
		t.Fatalf("pushing %T", what)
	}
	if err != nil {
		t.Fatalf("pushing %s: %v", ref, err)
	}
}

// Append puts a layer on top of an image.
func Append(t testing.TB, img v1.Image, layer v1.Layer) v1.Image {
	t.Helper()
	out, err := mutate.AppendLayers(img, layer)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
