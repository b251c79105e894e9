package publish

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/server"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// TestSync: a layer is on disk before it has its name, and its name is before the run ends.
func TestSync(t *testing.T) {
	host := imagetest.Registry(t, nil)
	l := imagetest.Gzip(t, imagetest.Tar(t, imagetest.File("f", 0o644)))
	imagetest.Push(t, host+"/image:1", imagetest.Image(t, "linux/amd64", l))
	dir := imagetest.TempDir(t)
	img, err := source.Open(context.Background(), host+"/image:1", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at, err := layerPath(dir, l.ID())
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	real := syncFS
	t.Cleanup(func() { syncFS = real })
	syncFS = func(f *os.File) error {
		_, err := os.Lstat(at)
		staged, readErr := os.ReadFile(filepath.Join(f.Name(), "layerfs/f"))
		switch {
		case err != nil && readErr == nil && bytes.Equal(staged, []byte("f")):
			seen = append(seen, "staged")
		case err == nil && f.Name() == dir:
			seen = append(seen, "named")
		default:
			seen = append(seen, f.Name())
		}
		return real(f)
	}
	if err := Image(context.Background(), img, dir, func(Report) {}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen, " "); got != "staged named" {
		t.Errorf("synced %q, want the staged layer, then its name", got)
	}
}

// TestLookWaits looks for a layer while a server has its union taken away. That is no absence.
func TestLookWaits(t *testing.T) {
	host := imagetest.Registry(t, nil)
	imagetest.Push(t, host+"/image:1", imagetest.Image(t, "linux/amd64", imagetest.Gzip(t, imagetest.Tar(t, imagetest.File("f", 0o644)))))
	dir := filepath.Join(imagetest.TempDir(t), "union")
	img, err := source.Open(context.Background(), host+"/image:1", source.Options{})
	if err == nil {
		err = Image(context.Background(), img, dir, func(Report) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	layer := img.Layers[0]
	at, err := layerPath(dir, layer.Digest)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Target: Target{Dir: dir, Server: &server.Repository{Name: "a.example.org"}}}
	r.ingesting.Lock() // a layer is being published
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	looked := make(chan error, 1)
	go func() {
		there, err := r.look(at, layer)
		if err == nil && !there {
			err = os.ErrNotExist
		}
		looked <- err
	}()
	time.Sleep(50 * time.Millisecond) // if it does not wait, it looks now
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	r.ingesting.Unlock()
	if err := <-looked; err != nil {
		t.Errorf("a layer that is there: %v", err)
	}
}
