package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/inventory"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// published lays images "first" of layers a and b and "second" of a out.
func published(t *testing.T) (repository string, a, b imagetest.Layer) {
	t.Helper()
	host := imagetest.Registry(t, nil)
	a = imagetest.Gzip(t, imagetest.Tar(t, imagetest.File("a", 0o644)))
	b = imagetest.Zstd(t, imagetest.Tar(t, imagetest.File("b", 0o644)))
	imagetest.Push(t, host+"/some/first:1", imagetest.Image(t, "linux/amd64", a, b))
	imagetest.Push(t, host+"/second:1", imagetest.Image(t, "linux/amd64", a, a))
	repository = imagetest.TempDir(t)
	for ref, name := range map[string]string{"/some/first:1": "example.org/some/first:1", "/second:1": "example.org/second:1"} {
		img, err := source.Open(context.Background(), host+ref, source.Options{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if err := publish.Image(context.Background(), img, repository, func(publish.Report) {}); err != nil {
			t.Fatal(err)
		}
	}
	return repository, a, b
}

func dirOf(t *testing.T, repository string, l imagetest.Layer) string {
	t.Helper()
	rel, err := cvmfs.LayerDir(l.ID())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(repository, rel)
}

func TestList(t *testing.T) {
	repository, a, b := published(t)
	got, err := inventory.List(repository)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Images) != 2 || got.Images[0].Name != "example.org/second:1" || got.Images[1].Name != "example.org/some/first:1" {
		t.Fatalf("images %+v", got.Images)
	}
	if !slices.Equal(got.Images[0].Layers, []digest.Digest{a.ID(), a.ID()}) || !slices.Equal(got.Images[1].Layers, []digest.Digest{a.ID(), b.ID()}) {
		t.Errorf("images %+v", got.Images)
	}
	want := []inventory.Layer{
		{Digest: a.ID(), DiffID: digest.FromBytes(a.Diff), Size: int64(len(a.Diff)), Present: true, Metadata: true, Images: 2},
		{Digest: b.ID(), DiffID: digest.FromBytes(b.Diff), Size: int64(len(b.Diff)), Present: true, Metadata: true, Images: 1},
	}
	if want[0].Digest > want[1].Digest {
		slices.Reverse(want)
	}
	if !slices.Equal(got.Layers, want) {
		t.Errorf("layers %+v, want %+v", got.Layers, want)
	}
}

// TestListIncomplete has a layer without metadata, one that is named only, one
// that no image names, and files that are no layers.
func TestListIncomplete(t *testing.T) {
	repository, a, b := published(t)
	orphan := digest.FromString("orphan")
	orphanDir, err := cvmfs.LayerDir(orphan)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.Remove(filepath.Join(dirOf(t, repository, a), ".metadata", "layers.json")),
		os.RemoveAll(dirOf(t, repository, b)),
		os.MkdirAll(filepath.Join(repository, orphanDir, "layerfs"), 0o755),
		os.Mkdir(filepath.Join(repository, ".layers", ".publish-x"), 0o755),
		os.MkdirAll(filepath.Join(repository, ".layers", "zz", strings.Repeat("z", 64)), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	got, err := inventory.List(repository)
	if err != nil {
		t.Fatal(err)
	}
	have := map[digest.Digest]inventory.Layer{}
	for _, l := range got.Layers {
		have[l.Digest] = l
	}
	for _, want := range []inventory.Layer{
		{Digest: a.ID(), Size: -1, Present: true, Images: 2},
		{Digest: b.ID(), Size: -1, Images: 1},
		{Digest: orphan, Size: -1, Present: true},
	} {
		if have[want.Digest] != want {
			t.Errorf("layer %+v, want %+v", have[want.Digest], want)
		}
	}
	if len(have) != 3 {
		t.Errorf("layers %+v", got.Layers)
	}
}

func TestListErrors(t *testing.T) {
	if _, err := inventory.List(imagetest.TempDir(t)); !errors.Is(err, cvmfs.ErrUnavailable) {
		t.Errorf("an empty directory: error %v, want ErrUnavailable", err)
	}
	repository, a, _ := published(t)
	manifest := filepath.Join(repository, ".metadata/example.org/second:1/manifest.json")
	layers := filepath.Join(dirOf(t, repository, a), ".metadata", "layers.json")
	for path, data := range map[string]string{
		manifest: `{"Layers":[{"Digest":"sha256:../../etc"}]}`,
		layers:   `[]`,
	} {
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := inventory.List(repository)
	for _, want := range []string{"second:1/manifest.json", "layers.json"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell of %s", err, want)
		}
	}
	if len(got.Images) != 1 || len(got.Layers) != 2 {
		t.Errorf("the rest is %+v", got)
	}
}

// What a publisher puts in the place of a record is told of, and neither waited
// for, nor followed, nor read without end.
func TestListHostile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a huge file": func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 1<<40)) },
	} {
		t.Run(name, func(t *testing.T) {
			repository, a, _ := published(t)
			manifest := filepath.Join(repository, ".metadata/example.org/second:1/manifest.json")
			layers := filepath.Join(dirOf(t, repository, a), ".metadata", "layers.json")
			if err := errors.Join(os.Remove(manifest), os.Remove(layers), put(manifest), put(layers)); err != nil {
				t.Fatal(err)
			}
			got, err := inventory.List(repository)
			if err == nil || !strings.Contains(err.Error(), manifest) || !strings.Contains(err.Error(), layers) {
				t.Errorf("the error does not tell of both: %v", err)
			}
			if len(got.Images) != 1 || len(got.Layers) != 2 {
				t.Errorf("the rest is %+v", got)
			}
		})
	}
}

// answers is a Finder with fixed answers.
type answers map[digest.Digest]error

func (a answers) Find(_ context.Context, d, _ digest.Digest) (cvmfs.Layer, error) {
	if err := a[d]; err != nil {
		return cvmfs.Layer{}, err
	}
	rel, err := cvmfs.LayerDir(d)
	return cvmfs.Layer{Path: "/cvmfs/r/" + rel + "/layerfs", DiffSize: 42}, err
}

func TestCheck(t *testing.T) {
	d := func(s string) source.Layer {
		return source.Layer{Descriptor: source.Descriptor{Digest: digest.FromString(s), Size: 7}, DiffID: digest.FromString("diff " + s)}
	}
	foreign := d("foreign")
	foreign.Skip = "foreign layer"
	img := &source.Image{Layers: []source.Layer{d("there"), d("missing"), d("out"), foreign}}
	finder := answers{
		digest.FromString("missing"): fmt.Errorf("finding: %w", cvmfs.ErrLayerUnknown),
		digest.FromString("out"):     fmt.Errorf("finding: %w", cvmfs.ErrUnavailable),
	}
	got, err := inventory.Check(context.Background(), finder, img)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []inventory.State{inventory.Present, inventory.Missing, inventory.Unavailable, inventory.Ordinary} {
		h := got[i]
		if h.State != want || h.Compressed != 7 || (h.Why == "") != (want == inventory.Present) {
			t.Errorf("layer %d: %+v, want %s", i, h, want)
		}
		if present := want == inventory.Present; present != (h.Repository == "/cvmfs/r") || present != (h.Unpacked == 42) {
			t.Errorf("layer %d: %+v", i, h)
		}
	}
	finder[digest.FromString("there")] = context.Canceled
	if _, err := inventory.Check(context.Background(), finder, img); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestHidden looks at a tree of somebody else's; with no account but one's own
// the owner's bits deny as much.
func TestHidden(t *testing.T) {
	layer := imagetest.TempDir(t)
	for _, dir := range []string{"root", "list", "enter", "open", "open/sub"} {
		if err := os.Mkdir(filepath.Join(layer, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{
		"etc-shadow": 0o040, "public": 0o444, "exec": 0o111, "root/x": 0o444, "open/sub/z": 0, "open/sub/w": 0o644,
		"open/su": os.ModeSetuid | 0o755, "open/wall": os.ModeSetgid | 0o711,
	} {
		full := filepath.Join(layer, path)
		if err := errors.Join(os.WriteFile(full, nil, 0o600), os.Chmod(full, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{"root": 0, "list": 0o444, "enter": 0o111} {
		if err := os.Chmod(filepath.Join(layer, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("etc-shadow", filepath.Join(layer, "link")), unix.Mkfifo(filepath.Join(layer, "pipe"), 0)); err != nil {
		t.Fatal(err)
	}
	got, err := asOther(t, layer)
	if err != nil {
		t.Fatal(err)
	}
	want := []inventory.Entry{
		{Path: "enter", Type: "directory", Mode: "d--x--x--x"},
		{Path: "etc-shadow", Type: "file", Mode: "----r-----"},
		{Path: "exec", Type: "file", Mode: "---x--x--x"},
		{Path: "list", Type: "directory", Mode: "dr--r--r--"},
		{Path: "open/su", Type: "setuid", Mode: "urwxr-xr-x"},
		{Path: "open/sub/z", Type: "file", Mode: "----------"},
		{Path: "open/wall", Type: "setuid", Mode: "grwx--x--x"},
		{Path: "open/wall", Type: "file", Mode: "grwx--x--x"},
		{Path: "root", Type: "directory", Mode: "d---------"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("hidden: %+v\nwant %+v", got, want)
	}
	if _, err := inventory.Hidden(filepath.Join(layer, "absent")); !errors.Is(err, cvmfs.ErrLayerUnknown) {
		t.Errorf("no directory: error %v", err)
	}
}

// asOther runs Hidden with no privilege.
func asOther(t *testing.T, layer string) ([]inventory.Entry, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		return inventory.Hidden(layer)
	}
	for path := layer; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const other = 54321
	set := func(id int) {
		if _, err := unix.SetfsgidRetGid(id); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.SetfsuidRetUid(id); err != nil {
			t.Fatal(err)
		}
	}
	set(other)
	defer set(0)
	return inventory.Hidden(layer)
}
