package publish_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
)

// TestGolden compares every path that a small image leaves, with type and mode.
func TestGolden(t *testing.T) {
	// Only explicit modes count.
	defer syscall.Umask(syscall.Umask(0o077))
	img := imagetest.Image(t, "linux/amd64",
		imagetest.Gzip(t, imagetest.Tar(t, dir("bin", 0o755), file("bin/sh", 0o755), symlink("sh", "bin/sh"), dir("root", 0o700), dir("tmp", 0o1777), file("etc/shadow", 0o640))),
		imagetest.Gzip(t, imagetest.Tar(t, file("bin/.wh.sh", 0o644), file("etc/.wh..wh..opq", 0o600), file("etc/passwd", 0o644))))
	repository := filepath.Join(imagetest.TempDir(t), "repository")
	mustRun(t, "oci:"+writeLayout(t, img), repository)
	got := strings.Join(imagetest.Tree(t, repository), "\n") + "\n"
	// The digests depend on the compressor's version, the rest must not.
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		h, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		number := string(rune('1' + i))
		got = strings.ReplaceAll(got, h.Hex[:2]+"/"+h.Hex, "<2 of "+number+">/<hex of "+number+">")
		got = strings.ReplaceAll(got, ".layers/"+h.Hex[:2], ".layers/<2 of "+number+">")
	}
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[6:], b[6:]) })
	got = strings.Join(lines, "\n") + "\n"

	golden := filepath.Join("testdata", "layout.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); got != want {
		t.Errorf("layout is\n%swant\n%s", got, want)
	}
}

// TestForms publishes the same tar from every kind of source and in every
// compression.
func TestForms(t *testing.T) {
	data := imagetest.Tar(t, dir("d", 0o755), file("d/f", 0o4755), file("d/.wh.g", 0o644))
	host := imagetest.Registry(t, nil)
	docker := func(l imagetest.Layer) imagetest.Layer { return l }
	oci := func(l imagetest.Layer) imagetest.Layer { l.Type = types.OCILayer; return l }
	two := append(imagetest.Gzip(t, data[:1024]).Blob, imagetest.Gzip(t, data[1024:]).Blob...)
	skippable := append([]byte{0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'j', 'u', 'n', 'k'}, imagetest.Zstd(t, data).Blob...)

	registryRef := func(name string, l imagetest.Layer) string {
		ref := host + "/forms/" + name + ":1"
		imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", l))
		return ref
	}
	for _, tc := range []struct {
		name  string
		layer imagetest.Layer
	}{
		{"schema2", docker(imagetest.Gzip(t, data))},
		{"oci", oci(imagetest.Gzip(t, data))},
		{"zstd", imagetest.Zstd(t, data)},
		{"plain", imagetest.Plain(data)},
		{"type-lies", imagetest.Layer{Blob: imagetest.Zstd(t, data).Blob, Diff: data, Type: types.OCILayer}},
		{"gzip-members", imagetest.Layer{Blob: two, Diff: data, Type: types.DockerLayer}},
		{"zstd-skippable", imagetest.Layer{Blob: skippable, Diff: data, Type: types.OCILayerZStd}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkForm(t, registryRef(tc.name, tc.layer), tc.layer.ID(), data)
		})
	}
	t.Run("index", func(t *testing.T) {
		l := imagetest.Gzip(t, data)
		other := imagetest.Image(t, "linux/arm64", imagetest.Gzip(t, imagetest.Tar(t, file("arm", 0o644))))
		imagetest.Push(t, host+"/forms/index:1", imagetest.Index(t, other, imagetest.Image(t, "linux/amd64", l)))
		checkForm(t, host+"/forms/index:1", l.ID(), data)
	})
	t.Run("oci layout", func(t *testing.T) {
		l := imagetest.Zstd(t, data)
		checkForm(t, "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", l)), l.ID(), data)
	})
	t.Run("docker archive", func(t *testing.T) {
		path := filepath.Join(imagetest.TempDir(t), "a.tar")
		tag := name.MustParseReference("example.org/some/image:1").(name.Tag)
		// The archive's layer is the tar itself: what a pull unpacks from it.
		plain := imagetest.Plain(data)
		plain.Type = types.DockerLayer
		if err := tarball.WriteToFile(path, tag, imagetest.Image(t, "linux/amd64", plain)); err != nil {
			t.Fatal(err)
		}
		img, err := tarball.ImageFromPath(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		checkForm(t, "docker-archive:"+path, digest.Digest(manifest.Layers[0].Digest.String()), data)
	})
}

func checkForm(t *testing.T, ref string, d digest.Digest, tar []byte) {
	t.Helper()
	repository := imagetest.TempDir(t)
	begin := time.Now().Add(-time.Second)
	if r := mustRun(t, ref, repository)[d]; r.Status != publish.Published {
		t.Errorf("report %+v", r)
	}
	l := layerDir(t, repository, d)
	want := []string{"d0755 .", "-0664 .cvmfscatalog", "d0755 d", "-0644 d/.wh.g", "-4755 d/f"}
	if got := imagetest.Tree(t, filepath.Join(l, "layerfs")); !slices.Equal(got, want) {
		t.Errorf("layer is %q", got)
	}
	if got := read(t, l, "layerfs/d/f"); got != "d/f" {
		t.Errorf("content is %q", got)
	}
	var m []map[string]any
	if err := json.Unmarshal([]byte(read(t, l, ".metadata/layers.json")), &m); err != nil || len(m) != 1 {
		t.Fatalf("layers.json: %v, error %v", m, err)
	}
	created, err := time.Parse(time.RFC3339, m[0]["created"].(string))
	if err != nil || created.Before(begin.Truncate(time.Second)) || created.After(time.Now()) {
		t.Errorf("created %v, error %v", created, err)
	}
	delete(m[0], "created")
	diffID := digest.FromBytes(tar)
	for key, want := range map[string]any{
		"id": diffID.Encoded(), "diff-digest": diffID.String(), "compressed-diff-digest": d.String(), "diff-size": float64(len(tar)),
	} {
		if m[0][key] != want {
			t.Errorf("layers.json has %s %v, want %v", key, m[0][key], want)
		}
		delete(m[0], key)
	}
	if len(m[0]) > 0 {
		t.Errorf("layers.json has also %v", m[0])
	}
}

func TestManifest(t *testing.T) {
	host := imagetest.Registry(t, nil)
	a, b := imagetest.Gzip(t, imagetest.Tar(t, file("a", 0o644))), imagetest.Gzip(t, imagetest.Tar(t, file("b", 0o644)))
	img := imagetest.Image(t, "linux/amd64", a, b, a)
	imagetest.Push(t, host+"/cms/analysis:3", img)
	repository := imagetest.TempDir(t)
	if reports := mustRun(t, host+"/cms/analysis:3", repository); len(reports) != 2 {
		t.Errorf("%d reports for two different layers", len(reports))
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(read(t, repository, ".metadata", host, "cms/analysis:3/manifest.json")), &got); err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if got["SchemaVersion"] != 2.0 || got["MediaType"] != string(types.DockerManifestSchema2) || len(got) != 4 {
		t.Errorf("manifest is %v", got)
	}
	if c := got["Config"].(map[string]any); c["Digest"] != config.String() || c["MediaType"] != string(types.DockerConfigJSON) || c["Size"].(float64) <= 0 {
		t.Errorf("config is %v", c)
	}
	layers := got["Layers"].([]any)
	for i, want := range []imagetest.Layer{a, b, a} {
		l := layers[i].(map[string]any)
		if l["Digest"] != want.ID().String() || l["Size"] != float64(len(want.Blob)) || l["MediaType"] != string(types.DockerLayer) {
			t.Errorf("layer %d is %v", i, l)
		}
	}
}

// TestAgain publishes a second image that shares a layer, then both again.
func TestAgain(t *testing.T) {
	host := imagetest.Registry(t, nil)
	shared := imagetest.Gzip(t, imagetest.Tar(t, dir("zero", 0), file("f", 0o644)))
	first := imagetest.Image(t, "linux/amd64", shared)
	second := imagetest.Image(t, "linux/amd64", shared, imagetest.Gzip(t, imagetest.Tar(t, file("g", 0o644))))
	imagetest.Push(t, host+"/first:1", first)
	imagetest.Push(t, host+"/second:1", second)
	repository := imagetest.TempDir(t)

	mustRun(t, host+"/first:1", repository)
	before := inodes(t, repository)
	for range 2 {
		for _, ref := range []string{"/second:1", "/first:1"} {
			if r := mustRun(t, host+ref, repository)[shared.ID()]; r.Status != publish.AlreadyThere {
				t.Errorf("%s: report %+v", ref, r)
			}
		}
	}
	after := inodes(t, repository)
	for path, id := range before {
		if name := filepath.Base(path); name == publish.ManifestFile || name == cvmfs.OriginFile || filepath.Base(filepath.Dir(path)) == cvmfs.MetadataDir && name == "." {
			continue
		}
		if after[path] != id {
			t.Errorf("%q was touched: %+v, then %+v", path, id, after[path])
		}
	}
	var origin publish.Origin
	if err := json.Unmarshal([]byte(read(t, layerDir(t, repository, shared.ID()), ".metadata/origin.json")), &origin); err != nil {
		t.Fatal(err)
	}
	want := []digest.Digest{configOf(t, first), configOf(t, second)}
	if !slices.Equal(origin.Origin, want) {
		t.Errorf("origin is %q, want %q", origin.Origin, want)
	}
}

func configOf(t *testing.T, img v1.Image) digest.Digest {
	t.Helper()
	h, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return digest.Digest(h.String())
}

// identity changes when a file is made anew or written to.
type identity struct {
	ino   uint64
	mtime int64
	mode  uint32
}

// inodes gives the identity of all below a tree's layers.
func inodes(t *testing.T, repository string) map[string]identity {
	t.Helper()
	out := map[string]identity{}
	for _, line := range imagetest.Tree(t, repository) {
		path := line[6:]
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(repository, path), &st); err != nil {
			t.Fatal(err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR && !strings.Contains(path, cvmfs.LayerFS) {
			st.Mtim.Sec = 0 // a rename beside it changes it
		}
		out[path] = identity{st.Ino, st.Mtim.Sec*1e9 + st.Mtim.Nsec*min(1, st.Mtim.Sec), st.Mode}
	}
	return out
}
