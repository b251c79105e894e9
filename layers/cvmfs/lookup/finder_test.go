package lookup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

var (
	layerA = digest.FromString("blob A")
	diffA  = digest.FromString("tar A")
)

// repo makes a repository that answers.
func repo(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	mkdir(t, filepath.Join(root, cvmfs.LayersDir), 0o755)
	return root
}

// layerDir gives the directory of layer d below root, without making it.
func layerDir(t *testing.T, root string, d digest.Digest) string {
	t.Helper()
	dir, err := cvmfs.LayerDir(d)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, dir)
}

// publish makes the directory of layer A with the given metadata; "" is none.
func publish(t *testing.T, root, metadata string) (layerfs string) {
	t.Helper()
	dir := layerDir(t, root, layerA)
	layerfs = filepath.Join(dir, cvmfs.LayerFS)
	mkdir(t, layerfs, 0o755)
	if metadata != "" {
		mkdir(t, filepath.Join(dir, cvmfs.MetadataDir), 0o755)
		write(t, filepath.Join(dir, cvmfs.MetadataDir, cvmfs.LayerMetadataFile), metadata)
	}
	return layerfs
}

func mkdir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	mkdir(t, filepath.Dir(file), 0o755)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	mkdir(t, filepath.Dir(name), 0o755)
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

// warnings collects what a Finder says.
func warnings(f *Finder) *[]string {
	var list []string
	f.Warn = func(s string) { list = append(list, s) }
	return &list
}

func TestFindFirstRepositoryWins(t *testing.T) {
	empty, first, second := repo(t), repo(t), repo(t)
	layerfs := publish(t, first, fmt.Sprintf(`[{"id":%q,"created":"2024-01-02T03:04:05Z","compressed-diff-digest":%q,"diff-digest":%q,"diff-size":1234}]`,
		diffA.Encoded(), layerA, diffA))
	publish(t, second, "")
	if err := unix.Chmod(layerfs, 0o1771); err != nil {
		t.Fatal(err)
	}
	f := New([]string{empty, first, second}, time.Minute)
	warned := warnings(f)
	got, err := f.Find(context.Background(), layerA, diffA)
	if err != nil {
		t.Fatal(err)
	}
	if want := (cvmfs.Layer{Path: layerfs, DiffSize: 1234}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(*warned) != 0 {
		t.Errorf("warned without reason: %q", *warned)
	}
}

func TestFindReadsIdentity(t *testing.T) {
	root := repo(t)
	layerfs := publish(t, root, "")
	for _, attr := range []struct{ path, name, value string }{
		{root, "user.fqrn", "test.example.org"},
		{root, "user.revision", "7"},
		{root, "user.root_hash", "abcd"},
		{layerfs, "user.catalog_counters", "catalog_hash: 0123\nregular: 5\n"},
	} {
		if err := unix.Setxattr(attr.path, attr.name, []byte(attr.value), 0); err != nil {
			t.Fatalf("this test needs user.* attributes in %s: %v", root, err)
		}
	}
	got, err := New([]string{root}, time.Minute).Find(context.Background(), layerA, diffA)
	if err != nil {
		t.Fatal(err)
	}
	want := cvmfs.Identity{Repository: "test.example.org", Revision: 7, RootHash: "abcd", CatalogHash: "0123"}
	if got.Identity != want || got.DiffSize != -1 {
		t.Errorf("got %+v, want identity %+v and an unknown size", got, want)
	}
}

func TestFindUnknown(t *testing.T) {
	a, b := repo(t), repo(t)
	mkdir(t, filepath.Dir(layerDir(t, b, layerA)), 0o755) // the first two digits exist
	f := New([]string{a, b}, time.Minute)
	warned := warnings(f)
	_, err := f.Find(context.Background(), layerA, diffA)
	if !errors.Is(err, cvmfs.ErrLayerUnknown) || errors.Is(err, cvmfs.ErrUnavailable) || errors.Is(err, cvmfs.ErrInvalidLayer) {
		t.Errorf("got %v, want the layer unknown and no more", err)
	}
	if want := fmt.Sprintf("not in %q, %q", a, b); !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, which does not end with %s", err, want)
	}
	if len(*warned) != 0 {
		t.Errorf("warned without reason: %q", *warned)
	}
}

func TestFindInvalidDigest(t *testing.T) {
	f := New([]string{repo(t)}, time.Minute)
	for _, d := range []digest.Digest{
		"", "sha256:", "sha256:../../../../etc", "sha512:" + digest.Digest(strings.Repeat("a", 128)),
		digest.Digest("sha256:" + strings.Repeat("A", 64)), digest.Digest("sha256:" + strings.Repeat("a", 63) + "/"),
	} {
		if _, err := f.Find(context.Background(), d, diffA); !errors.Is(err, cvmfs.ErrInvalidDigest) {
			t.Errorf("digest %q: got %v", d, err)
		}
		if _, err := f.Find(context.Background(), layerA, d); !errors.Is(err, cvmfs.ErrInvalidDigest) {
			t.Errorf("diffID %q: got %v", d, err)
		}
	}
}

// An outage is reported for what it is, once, and does not keep a layer from
// being found elsewhere.
func TestFindUnavailable(t *testing.T) {
	for _, tc := range []struct {
		name  string
		make  func(t *testing.T) string
		wants []string
	}{
		{"missing", func(t *testing.T) string { return filepath.Join(t.TempDir(), "gone") }, []string{"podman system migrate"}},
		{"empty directory", func(t *testing.T) string { return t.TempDir() }, []string{cvmfs.LayersDir, "podman system migrate"}},
		{"file", func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, "")
			return file
		}, []string{"not a directory"}},
		{"relative", func(t *testing.T) string { return "cvmfs/x" }, []string{"absolute"}},
		{"layers' directory is a file", func(t *testing.T) string {
			root := t.TempDir()
			write(t, filepath.Join(root, cvmfs.LayersDir), "")
			return root
		}, []string{cvmfs.LayersDir, "not a directory"}},
		{"layers' directory is a symbolic link", func(t *testing.T) string {
			root, elsewhere := t.TempDir(), repo(t)
			publish(t, elsewhere, "")
			symlink(t, filepath.Join(elsewhere, cvmfs.LayersDir), filepath.Join(root, cvmfs.LayersDir))
			return root
		}, []string{cvmfs.LayersDir, "not a directory"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad, good := tc.make(t), repo(t)
			f := New([]string{bad, good}, time.Minute)
			warned := warnings(f)
			for range 2 {
				_, err := f.Find(context.Background(), layerA, diffA)
				if !errors.Is(err, cvmfs.ErrUnavailable) || errors.Is(err, cvmfs.ErrLayerUnknown) {
					t.Fatalf("got %v, want the repository unavailable", err)
				}
				for _, want := range append(tc.wants, bad) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q does not say %q", err, want)
					}
				}
			}
			layerfs := publish(t, good, "")
			got, err := f.Find(context.Background(), layerA, diffA)
			if err != nil || got.Path != layerfs {
				t.Errorf("got %+v, %v, want the layer of the other repository", got, err)
			}
			if len(*warned) != 1 || !strings.Contains((*warned)[0], bad) {
				t.Errorf("want one warning that names %q, got %q", bad, *warned)
			}
		})
	}
}

// What has a layer's name but is no plain directory is refused with a warning
// and counts as not there.
func TestFindRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, root, dir string)
	}{
		{"no layerfs", func(t *testing.T, root, dir string) { mkdir(t, dir, 0o755) }},
		{"layerfs is a file", func(t *testing.T, root, dir string) { write(t, filepath.Join(dir, cvmfs.LayerFS), "") }},
		{"layerfs is a link inside", func(t *testing.T, root, dir string) {
			mkdir(t, filepath.Join(dir, "real"), 0o755)
			symlink(t, "real", filepath.Join(dir, cvmfs.LayerFS))
		}},
		{"layerfs is a link outside", func(t *testing.T, root, dir string) { symlink(t, t.TempDir(), filepath.Join(dir, cvmfs.LayerFS)) }},
		{"layerfs is a dangling link", func(t *testing.T, root, dir string) { symlink(t, "nowhere", filepath.Join(dir, cvmfs.LayerFS)) }},
		{"digest is a link", func(t *testing.T, root, dir string) {
			mkdir(t, filepath.Join(root, "real", cvmfs.LayerFS), 0o755)
			symlink(t, filepath.Join(root, "real"), dir)
		}},
		{"digest is a file", func(t *testing.T, root, dir string) { write(t, dir, "") }},
		{"two digits are a link", func(t *testing.T, root, dir string) {
			real := filepath.Join(root, "real")
			mkdir(t, filepath.Join(real, filepath.Base(dir), cvmfs.LayerFS), 0o755)
			symlink(t, "../real", filepath.Dir(dir))
		}},
		{"two digits are a file", func(t *testing.T, root, dir string) { write(t, filepath.Dir(dir), "") }},
		{"something is mounted on layerfs", func(t *testing.T, root, dir string) {
			layerfs := filepath.Join(dir, cvmfs.LayerFS)
			mkdir(t, layerfs, 0o755)
			if err := unix.Mount("none", layerfs, "tmpfs", 0, "size=64k"); err != nil {
				t.Fatalf("this test needs root, to mount: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(layerfs, unix.MNT_DETACH) })
		}},
		{"another directory of the same file system is mounted on layerfs", func(t *testing.T, root, dir string) {
			layerfs, other := filepath.Join(dir, cvmfs.LayerFS), filepath.Join(root, "other")
			mkdir(t, layerfs, 0o755)
			mkdir(t, other, 0o755)
			if err := unix.Mount(other, layerfs, "", unix.MS_BIND, ""); err != nil {
				t.Fatalf("this test needs root, to mount: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(layerfs, unix.MNT_DETACH) })
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := repo(t)
			dir := layerDir(t, root, layerA)
			tc.make(t, root, dir)
			f := New([]string{root}, time.Minute)
			warned := warnings(f)
			for range 2 {
				_, err := f.Find(context.Background(), layerA, diffA)
				if !errors.Is(err, cvmfs.ErrInvalidLayer) || !errors.Is(err, cvmfs.ErrLayerUnknown) || errors.Is(err, cvmfs.ErrUnavailable) {
					t.Fatalf("got %v, want the directory refused", err)
				}
			}
			if len(*warned) != 1 || !strings.Contains((*warned)[0], dir) {
				t.Errorf("want one warning that names %q, got %q", dir, *warned)
			}
			other := repo(t)
			layerfs := publish(t, other, "")
			if got, err := New([]string{root, other}, time.Minute).Find(context.Background(), layerA, diffA); err != nil || got.Path != layerfs {
				t.Errorf("got %+v, %v, want the layer of the other repository", got, err)
			}
		})
	}
}

func TestFindCancelled(t *testing.T) {
	f := New([]string{repo(t)}, time.Minute)
	f.repositories[0].put = func(_, _ digest.Digest) <-chan answer { return nil }
	warned := warnings(f)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := f.Find(ctx, layerA, diffA)
	if !errors.Is(err, context.Canceled) || errors.Is(err, cvmfs.ErrUnavailable) {
		t.Errorf("got %v, want the cancellation and nothing else", err)
	}
	if len(*warned) != 0 || f.repositories[0].hung() != nil {
		t.Errorf("a cancelled question is held against the repository: %q", *warned)
	}
}

func TestFindConcurrently(t *testing.T) {
	bad, good := t.TempDir(), repo(t)
	layerfs := publish(t, good, "")
	f := New([]string{bad, good}, time.Minute)
	warned := warnings(f)
	var all sync.WaitGroup
	for range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			if got, err := f.Find(context.Background(), layerA, diffA); err != nil || got.Path != layerfs {
				t.Errorf("got %+v, %v", got, err)
			}
		}()
	}
	all.Wait()
	if len(*warned) != 1 {
		t.Errorf("want one warning, got %q", *warned)
	}
}
