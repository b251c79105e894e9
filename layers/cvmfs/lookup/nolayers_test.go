package lookup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// A repository that answers and has no layers is told from one that does not
// answer: nobody has to mount it, and a layer is not in it. What could as well be
// left of a mount is an outage.
func TestNoLayers(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, root string)
		want error
	}{
		{"a CVMFS client's", func(t *testing.T, root string) {
			if err := unix.Setxattr(root, "user.fqrn", []byte("singularity.example.org"), 0); err != nil {
				t.Fatal(err)
			}
		}, cvmfs.ErrNoLayers},
		{"with flat images", func(t *testing.T, root string) { mkdir(t, filepath.Join(root, ".flat"), 0o755) }, cvmfs.ErrNoLayers},
		{"with names of images", func(t *testing.T, root string) { mkdir(t, filepath.Join(root, ".metadata"), 0o755) }, cvmfs.ErrNoLayers},
		{"an empty directory", func(*testing.T, string) {}, cvmfs.ErrUnavailable},
		{"a directory of something else", func(t *testing.T, root string) { write(t, filepath.Join(root, "not-mounted"), "") }, cvmfs.ErrUnavailable},
		{"a file called as the images", func(t *testing.T, root string) { write(t, filepath.Join(root, ".flat"), "") }, cvmfs.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bare, good := t.TempDir(), repo(t)
			tc.make(t, bare)
			f := New([]string{bare, good}, time.Minute)
			warned := warnings(f)
			for range 2 {
				_, err := f.Find(context.Background(), layerA, diffA)
				out := errors.Is(tc.want, cvmfs.ErrUnavailable)
				if !errors.Is(err, tc.want) || errors.Is(err, cvmfs.ErrUnavailable) != out || errors.Is(err, cvmfs.ErrLayerUnknown) == out {
					t.Errorf("got %v, want %v alone", err, tc.want)
				}
				if !strings.Contains(err.Error(), bare) || strings.Contains(err.Error(), "migrate") != out {
					t.Errorf("%q does not say what to do", err)
				}
			}
			if len(*warned) != 1 || !strings.Contains((*warned)[0], bare) {
				t.Errorf("want one warning that names %q, got %q", bare, *warned)
			}
			layerfs := publish(t, good, "")
			if got, err := f.Find(context.Background(), layerA, diffA); err != nil || got.Path != layerfs {
				t.Errorf("got %+v, %v, want the layer of the other repository", got, err)
			}
			states := States(context.Background(), []string{bare}, time.Minute, "")
			if !errors.Is(states[0].Err, tc.want) {
				t.Errorf("its state is %v, want %v", states[0].Err, tc.want)
			}
		})
	}
}

// What was removed under an open directory is no layer that somebody published wrong.
func TestRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	mkdir(t, dir, 0o755)
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if removed(fd) {
		t.Error("it is there")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if !removed(fd) {
		t.Error("it is gone")
	}
}

// podman exits with 127, as for a command that is not there, where an error says so.
func TestNoErrorLooksLikeACommand(t *testing.T) {
	root := repo(t)
	_, unknown := New([]string{root}, time.Minute).Find(context.Background(), layerA, diffA)
	_, missing := New([]string{filepath.Join(root, "none")}, time.Minute).Find(context.Background(), layerA, diffA)
	for _, err := range []error{unknown, missing, cvmfs.FromFS(unix.ENOENT), cvmfs.ErrNoLayers} {
		text := strings.ToLower(err.Error())
		if strings.Contains(text, "no such file") || strings.Contains(text, "not found") {
			t.Errorf("%q", err)
		}
	}
}
