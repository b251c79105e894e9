package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// layerOf makes a layer directory in a repository of its own.
func layerOf(t *testing.T) (repository, layerfs string) {
	t.Helper()
	dir, err := cvmfs.LayerDir(digest.FromString("layer"))
	if err != nil {
		t.Fatal(err)
	}
	repository = t.TempDir()
	layerfs = filepath.Join(repository, dir, cvmfs.LayerFS)
	if err := os.MkdirAll(layerfs, 0o755); err != nil {
		t.Fatal(err)
	}
	return repository, layerfs
}

func bind(t *testing.T, source, target string) {
	t.Helper()
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("this test needs root, to mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}

// A file that something else has taken the place of, after the look-up, is an
// error: no link is followed, no mount point crossed, no FIFO waited for.
func TestReplacedByAnotherType(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := errors.Join(os.Mkdir(outside, 0o755), os.WriteFile(outside+".txt", []byte("secret"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(t *testing.T, path string, dir bool) error{
		"a link": func(_ *testing.T, path string, dir bool) error {
			if dir {
				return os.Symlink(outside, path)
			}
			return os.Symlink(outside+".txt", path)
		},
		"a FIFO": func(_ *testing.T, path string, _ bool) error { return unix.Mkfifo(path, 0o644) },
		"a device": func(_ *testing.T, path string, _ bool) error {
			return unix.Mknod(path, unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5)))
		},
		"the other kind": func(_ *testing.T, path string, dir bool) error {
			if dir {
				return os.WriteFile(path, nil, 0o644)
			}
			return os.Mkdir(path, 0o755)
		},
		"a mount": func(t *testing.T, path string, dir bool) error {
			if dir {
				defer bind(t, outside, path)
				return os.Mkdir(path, 0o755)
			}
			defer bind(t, outside+".txt", path)
			return os.WriteFile(path, nil, 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, path := layerOf(t)
			v, err := New(spec.Spec{Layers: []spec.Layer{{Path: path}}}, 16)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(put(t, filepath.Join(path, "f"), false), put(t, filepath.Join(path, "d"), true)); err != nil {
				t.Fatal(err)
			}
			if e, err := v.file(&node{parent: v.root, name: "f", mode: unix.S_IFREG}); err == nil {
				t.Errorf("a file was opened: %+v", e)
			}
			d := &node{parent: v.root, name: "d", mode: unix.S_IFDIR}
			if e, err := v.dir(d, 0); err == nil {
				t.Errorf("a directory was opened: %+v", e)
			}
			if l, err := v.readDir(d, 0, newRoom(maxNames)); err == nil {
				t.Errorf("a directory was listed: %+v", l)
			}
			if _, err := v.opaqueAt(v.root, "d", 0); err == nil {
				t.Errorf("a directory's mark was looked for")
			}
		})
	}
}

// Whatever stands where a layer should, a view of it does not start, and one that
// has started does not go on with it.
func TestLayerPlace(t *testing.T) {
	for name, put := range map[string]func(t *testing.T, repository, path string) error{
		"a link out of the repository": func(t *testing.T, _, path string) error {
			return errors.Join(os.Remove(path), os.Symlink(t.TempDir(), path))
		},
		"a link in the repository": func(t *testing.T, repository, path string) error {
			return errors.Join(os.Rename(path, filepath.Join(repository, "moved")), os.Symlink("../../../moved", path))
		},
		"a link above": func(t *testing.T, repository, path string) error {
			dir := filepath.Dir(path)
			return errors.Join(os.Rename(dir, filepath.Join(repository, "moved")), os.Symlink("../../moved", dir))
		},
		"a mount":                        func(t *testing.T, _, path string) error { bind(t, t.TempDir(), path); return nil },
		"a mount of its own file system": func(t *testing.T, _, path string) error { bind(t, path, path); return nil },
		"another file system above": func(t *testing.T, _, path string) error {
			dir := filepath.Dir(path)
			if err := unix.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
				return err
			}
			t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
			return os.Mkdir(path, 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			repository, path := layerOf(t)
			s := spec.Spec{Layers: []spec.Layer{{Path: path}}}
			v, err := New(s, 16)
			if err != nil {
				t.Fatal(err)
			}
			if err := put(t, repository, path); err != nil {
				t.Fatal(err)
			}
			if _, err := New(s, 16); !errors.Is(err, cvmfs.ErrInvalidLayer) {
				t.Errorf("got %v, want %v", err, cvmfs.ErrInvalidLayer)
			}
			if err := v.layers[0].verify(true); !errors.Is(err, cvmfs.ErrInvalidLayer) {
				t.Errorf("a view that runs: got %v, want %v", err, cvmfs.ErrInvalidLayer)
			}
		})
	}
}
