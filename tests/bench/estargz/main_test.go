package main

import (
	"archive/tar"
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/containerd/stargz-snapshotter/estargz"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image writes one of a layer with one file to a new layout.
func image(t *testing.T, path string) {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer(buf.Bytes(), types.OCIUncompressedLayer))
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.Config(img, v1.Config{Cmd: []string{"run"}}); err != nil {
		t.Fatal(err)
	}
	l, err := layout.Write(path, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(img, layout.WithAnnotations(map[string]string{refName: "plain:1"})); err != nil {
		t.Fatal(err)
	}
}

// sums holds the layer against the digests that the image names it by.
func sums(t *testing.T, l v1.Layer) {
	t.Helper()
	for name, of := range map[string]struct {
		open func() (io.ReadCloser, error)
		hash func() (v1.Hash, error)
	}{"digest": {l.Compressed, l.Digest}, "diffID": {l.Uncompressed, l.DiffID}} {
		r, err := of.open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, _, err := v1.SHA256(r)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := of.hash(); err != nil || got != want {
			t.Errorf("%s: the layer has %s, the image names %s, %v", name, got, want, err)
		}
	}
}

func TestConvert(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	image(t, from)
	if err := convert(from, "plain:1", to, "seekable:1"); err != nil {
		t.Fatal(err)
	}
	img, err := find(to, "seekable:1")
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	sums(t, layers[0])
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if m.MediaType != types.OCIManifestSchema1 || len(m.Layers) != 1 || m.Layers[0].Annotations[estargz.TOCJSONDigestAnnotation] == "" {
		t.Errorf("got %+v, want an OCI image of a layer that names its table of contents", m)
	}
	config, err := img.ConfigFile()
	if err != nil || len(config.Config.Cmd) != 1 {
		t.Errorf("the command is lost: %+v, %v", config, err)
	}
	if _, err := find(to, "plain:1"); err == nil {
		t.Error("an image was found that is not there")
	}
}
