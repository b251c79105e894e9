package publish_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/blob"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

// damages are what can be wrong with a blob that has the right name.
func damages(t *testing.T, l imagetest.Layer) map[string][]byte {
	flipped := slices.Clone(l.Blob)
	flipped[len(flipped)/2] ^= 0x40
	other := imagetest.Gzip(t, imagetest.Tar(t, dir("d", 0), file("other", 0o644)))
	hostile := imagetest.Gzip(t, imagetest.Tar(t, file("../out", 0o644)))
	return map[string][]byte{
		"flipped bit":       flipped,
		"short":             l.Blob[:len(l.Blob)-9],
		"empty":             {},
		"long":              append(slices.Clone(l.Blob), "more"...),
		"another good blob": other.Blob,
		"hostile blob":      hostile.Blob,
		"not compressed":    l.Diff,
		"gzip header only":  {0x1f, 0x8b},
		"zeros":             make([]byte, len(l.Blob)),
	}
}

// TestDamagedBlob gets the wrong bytes from a layout and from a registry.
func TestDamagedBlob(t *testing.T) {
	noise := make([]byte, 300_000) // does not compress to nothing
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, h := range []tar.Header{dir("zero", 0), {Name: "zero/noise", Typeflag: tar.TypeReg, Mode: 0, Size: int64(len(noise))}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(noise); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer := imagetest.Gzip(t, data.Bytes())
	img := imagetest.Image(t, "linux/amd64", layer)

	var serve []byte // what the registry sends in the blob's place
	host := imagetest.Registry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if serve != nil && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, layer.ID().String()) {
				_, _ = w.Write(serve)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	imagetest.Push(t, host+"/damaged:1", img)
	path := writeLayout(t, img)

	for name, blob := range damages(t, layer) {
		serve = blob
		if err := os.WriteFile(blobPath(path, layer), blob, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{"oci:" + path, host + "/damaged:1"} {
			t.Run(name+" "+ref[:3], func(t *testing.T) {
				repository := imagetest.TempDir(t)
				_, err := run(context.Background(), ref, repository)
				if name == "long" && ref[:4] != "oci:" {
					// Of an answer no more is read than the manifest says: that is the right blob.
					if err != nil {
						t.Error(err)
					}
					return
				}
				if !errors.Is(err, cvmfs.ErrMismatch) || !strings.Contains(err.Error(), layer.ID().String()) {
					t.Errorf("error %v, want ErrMismatch with the digest", err)
				}
				if left := remains(t, repository); len(left) > 0 {
					t.Errorf("left behind: %q", left)
				}
			})
		}
	}
}

func TestWrongDiffID(t *testing.T) {
	data := imagetest.Tar(t, file("f", 0o644))
	padded := append(slices.Clone(data), make([]byte, 512)...) // same files, other tar
	lie := imagetest.Gzip(t, data)
	lie.Diff = padded
	repository := imagetest.TempDir(t)
	_, err := run(context.Background(), "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", lie)), repository)
	if !errors.Is(err, cvmfs.ErrMismatch) {
		t.Errorf("error %v, want ErrMismatch", err)
	}
	if left := remains(t, repository); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	mustRun(t, "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", imagetest.Gzip(t, data))), repository)
	_, err = run(context.Background(), "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", lie)), repository)
	if !errors.Is(err, cvmfs.ErrMismatch) {
		t.Errorf("with the layer already there: error %v, want ErrMismatch", err)
	}
	// What is beyond the archive's end is part of the tar.
	whole := imagetest.Gzip(t, padded)
	mustRun(t, "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", whole)), repository)
}

// TestHostile has a tar that its digests are right for.
func TestHostile(t *testing.T) {
	repository := filepath.Join(imagetest.TempDir(t), "repository")
	l := imagetest.Gzip(t, imagetest.Tar(t, dir("zero", 0), file("zero/f", 0), file("../../../../out", 0o644)))
	_, err := run(context.Background(), "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", l)), repository)
	if !errors.Is(err, unpack.ErrEntry) || !strings.Contains(err.Error(), "../../../../out") {
		t.Errorf("error %v, want ErrEntry with the name", err)
	}
	if left := remains(t, repository); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestSkipped(t *testing.T) {
	foreign, encrypted := imagetest.Gzip(t, imagetest.Tar(t, file("a", 0o644))), imagetest.Gzip(t, imagetest.Tar(t, file("b", 0o644)))
	foreign.Type = types.OCIRestrictedLayer
	encrypted.Type = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
	ordinary := imagetest.Gzip(t, imagetest.Tar(t, file("c", 0o644)))
	repository := imagetest.TempDir(t)
	reports := mustRun(t, "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", foreign, encrypted, ordinary)), repository)
	for _, l := range []imagetest.Layer{foreign, encrypted} {
		if r := reports[l.ID()]; r.Status != publish.Skipped || r.Why == "" {
			t.Errorf("%s: report %+v", l.Type, r)
		}
		if _, err := os.Lstat(layerDir(t, repository, l.ID())); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: there is a directory, error %v", l.Type, err)
		}
	}
	if r := reports[ordinary.ID()]; r.Status != publish.Published {
		t.Errorf("report %+v", r)
	}
}

// TestOddPlaces finds something else where the layer belongs.
func TestOddPlaces(t *testing.T) {
	l := imagetest.Gzip(t, imagetest.Tar(t, file("f", 0o644)))
	path := "oci:" + writeLayout(t, imagetest.Image(t, "linux/amd64", l))
	for _, tc := range []struct {
		name string
		make func(layer string) error
		want error
	}{
		{"layerfs is a symlink", func(p string) error { return os.Symlink("/etc", filepath.Join(p, "layerfs")) }, cvmfs.ErrInvalidLayer},
		{"layerfs is a file", func(p string) error { return os.WriteFile(filepath.Join(p, "layerfs"), nil, 0o644) }, cvmfs.ErrInvalidLayer},
		{"the directory is a symlink", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc", p)) }, cvmfs.ErrInvalidLayer},
		{"empty", func(string) error { return nil }, nil},
		{"metadata only", func(p string) error {
			return errors.Join(os.Mkdir(filepath.Join(p, ".metadata"), 0o755),
				os.WriteFile(filepath.Join(p, ".metadata", "origin.json"), []byte(`{"origin":["sha256:before"]}`), 0o644))
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			repository := imagetest.TempDir(t)
			layer := layerDir(t, repository, l.ID())
			if err := errors.Join(os.MkdirAll(layer, 0o755), tc.make(layer)); err != nil {
				t.Fatal(err)
			}
			_, err := run(context.Background(), path, repository)
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if tc.want != nil {
				return
			}
			if got := read(t, layer, "layerfs/f"); got != "f" {
				t.Errorf("content is %q", got)
			}
			if got := read(t, layer, ".metadata/origin.json"); tc.name == "metadata only" && !strings.HasPrefix(got, `{"origin":["sha256:before","sha256:`) {
				t.Errorf("origin is %s", got)
			}
		})
	}
	t.Run(".layers is a symlink", func(t *testing.T) {
		repository, elsewhere := imagetest.TempDir(t), imagetest.TempDir(t)
		if err := os.Symlink(elsewhere, filepath.Join(repository, ".layers")); err != nil {
			t.Fatal(err)
		}
		if _, err := run(context.Background(), path, repository); err == nil {
			t.Error("no error")
		}
		if got := imagetest.Tree(t, elsewhere); len(got) != 1 {
			t.Errorf("elsewhere there is %q", got)
		}
	})
}

// TestCompression has blobs that no reader is there for: the error names the compression.
func TestCompression(t *testing.T) {
	data := imagetest.Tar(t, file("f", 0o644))
	for name, start := range map[string]string{
		"xz": "\xfd7zXZ\x00\x00\x04", "bzip2": "BZh91AY&SY", "lz4": "\x04\x22\x4d\x18\x64", "lzma": "\x5d\x00\x00\x80\x00", "compress": "\x1f\x9d\x90",
	} {
		l := imagetest.Layer{Blob: append([]byte(start), data...), Diff: data, Type: types.OCILayer}
		_, err := run(context.Background(), "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", l)), imagetest.TempDir(t))
		if !errors.Is(err, blob.ErrCompression) || !strings.Contains(err.Error(), " "+name+":") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// A tar may begin with such a name.
	l := imagetest.Plain(imagetest.Tar(t, file("BZh9", 0o644)))
	mustRun(t, "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", l)), imagetest.TempDir(t))
}
