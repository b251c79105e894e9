package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// entries reads the tar of a layer.
func entries(t *testing.T, items []item) []*tar.Header {
	t.Helper()
	var buf bytes.Buffer
	if err := writeLayer(&buf, items); err != nil {
		t.Fatal(err)
	}
	var headers []*tar.Header
	for r := tar.NewReader(&buf); ; {
		h, err := r.Next()
		if err == io.EOF {
			return headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range []func([]byte) []crafted{catalogue, hardCatalogue, largeCatalogue} {
		for _, c := range list([]byte("shell")) {
			if seen[c.name] {
				t.Errorf("two images are named %q", c.name)
			}
			seen[c.name] = true
		}
	}
}

// TestPullable holds the layers against what an ordinary pull refuses.
func TestPullable(t *testing.T) {
	for _, c := range hardCatalogue([]byte("shell")) {
		t.Run(c.name, func(t *testing.T) {
			if len(c.layers) > mostLayers {
				t.Errorf("%d layers", len(c.layers))
			}
			for i, items := range c.layers {
				if err := pullable(entries(t, items)); err != nil {
					t.Errorf("layer %d: %v", i, err)
				}
			}
		})
	}
}

func pullable(headers []*tar.Header) error {
	kinds := map[string]byte{}
	for _, h := range headers {
		name := path.Clean("/" + h.Name)
		dir, base := path.Split(name)
		target, marks := strings.CutPrefix(base, whiteoutPrefix)
		switch {
		case len(name) > longestPath+1:
			return fmt.Errorf("%.80q…: a path of %d bytes", name, len(name))
		case len(base) > 255 && !(marks && len(target) <= 255):
			return fmt.Errorf("%.80q…: a name of %d bytes", name, len(base))
		case kinds[name] != 0:
			return fmt.Errorf("%q: twice in one tar", name) // tar-split: duplicates of file paths not supported
		case marks && (target == "" || target == "." || target == ".."):
			return fmt.Errorf("%q: a marker of nothing", name)
		case marks && kinds[dir+target] != 0:
			return fmt.Errorf("%q: the marker comes after what the layer holds", name)
		case h.Typeflag == tar.TypeLink && !marks && kinds[path.Clean("/"+h.Linkname)] == 0:
			return fmt.Errorf("%q: a hard link to %q, which is not there yet", name, h.Linkname)
		case h.Typeflag == tar.TypeSymlink && (len(h.Linkname) == 0 || len(h.Linkname) > 4095):
			return fmt.Errorf("%q: a link's target of %d bytes", name, len(h.Linkname))
		}
		kinds[name] = h.Typeflag
	}
	return nil
}

// TestUnpullable shows that the check above finds something.
func TestUnpullable(t *testing.T) {
	for name, items := range map[string][]item{
		"marker after the file": {file("a", 0o644, "a"), whiteout(".wh.a")},
		"twice the same":        {file("a", 0o644, "a"), dir("./a", 0o755)},
		"marker of nothing":     {whiteout("d/.wh.")},
		"marker of the parent":  {whiteout("d/.wh...")},
		"link to a lower layer": {hardlink("a", "b")},
		"long name":             {file(strings.Repeat("n", 256), 0o644, "")},
		"long path":             {file(strings.Repeat("d/", 2000)+"f", 0o644, "")},
		"long target":           {symlink("a", strings.Repeat("t", 4096))},
	} {
		t.Run(name, func(t *testing.T) {
			if pullable(entries(t, items)) == nil {
				t.Error("passes")
			}
		})
	}
}

// TestReproducible makes the images twice: a repository that is published
// once serves every run.
func TestReproducible(t *testing.T) {
	first, second := digests(t), digests(t)
	for name, digest := range first {
		if digest != second[name] {
			t.Errorf("image %s is %s and %s", name, digest, second[name])
		}
	}
	if len(first) != len(hardCatalogue(nil)) {
		t.Errorf("%d images in the layout", len(first))
	}
}

func digests(t *testing.T) map[string]v1.Hash {
	t.Helper()
	dir := t.TempDir()
	shell := filepath.Join(dir, "shell")
	if err := os.WriteFile(shell, []byte("shell"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeImages(filepath.Join(dir, "layout"), shell, hardCatalogue); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, "layout"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]v1.Hash{}
	for _, d := range manifest.Manifests {
		found[d.Annotations[refName]] = d.Digest
		complete(t, index, d.Digest, filepath.Join(dir, "layout"))
	}
	return found
}

// complete looks for the image's blobs: the empty ones are easily lost.
func complete(t *testing.T, index v1.ImageIndex, digest v1.Hash, layoutPath string) {
	t.Helper()
	image, err := index.Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range append(manifest.Layers, manifest.Config) {
		data, err := os.ReadFile(filepath.Join(layoutPath, "blobs", "sha256", l.Digest.Hex))
		if err != nil {
			t.Error(err)
		} else if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != l.Digest.Hex || int64(len(data)) != l.Size {
			t.Errorf("blob %s is %s, of %d bytes", l.Digest, got, len(data))
		}
	}
}

func TestEmptyLayers(t *testing.T) {
	for want, blob := range map[string]string{
		"a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4": dockerEmpty,
		"4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1": buildkitEmpty,
	} {
		b, err := literal(filepath.Join(t.TempDir(), "empty"), blob, "")
		if err != nil {
			t.Fatal(err)
		}
		if b.digest.Hex != want || b.diffID.Hex != fmt.Sprintf("%x", sha256.Sum256(make([]byte, 1024))) {
			t.Errorf("digest %s, diffID %s", b.digest, b.diffID)
		}
	}
}

// TestSparse reads back both ways to write a sparse file.
func TestSparse(t *testing.T) {
	for _, holes := range []bool{false, true} {
		t.Run(fmt.Sprintf("holes %v", holes), func(t *testing.T) {
			const size = 100000
			want := make([]byte, size)
			pieces := scattered(size)
			for _, p := range pieces {
				copy(want[p.offset:], p.data)
			}
			items := []item{
				file("before", 0o644, "before"),
				{kind: tar.TypeReg, name: "sparse", mode: 0o640, uid: 7, sparse: &sparse{size: size, pieces: pieces, holes: holes}},
				file("after", 0o644, "after"),
			}
			var buf bytes.Buffer
			if err := writeLayer(&buf, items); err != nil {
				t.Fatal(err)
			}
			if small := buf.Len() < size; small != holes {
				t.Errorf("the tar has %d bytes", buf.Len())
			}
			r := tar.NewReader(&buf)
			for _, i := range items {
				h, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if h.Name != i.name || h.Mode != i.mode || h.Uid != i.uid || !h.ModTime.Equal(built) {
					t.Errorf("entry %+v", h)
				}
				got, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if i.sparse != nil && !bytes.Equal(got, want) || i.sparse == nil && string(got) != i.body {
					t.Errorf("content of %q differs", i.name)
				}
			}
		})
	}
}
