package verify_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/verify"
)

var dir, file, symlink, link = imagetest.Dir, imagetest.File, imagetest.Symlink, imagetest.Link

// site is a registry with an image of one layer, and a repository that holds it.
type site struct {
	ref, repository string
	layer           imagetest.Layer
	dir             string // the layer's directory
}

// publishTar makes a site of a layer's tar.
func publishTar(t *testing.T, archive []byte) site {
	t.Helper()
	return publishLayer(t, imagetest.Gzip(t, archive))
}

func publishLayer(t *testing.T, layer imagetest.Layer) site {
	t.Helper()
	s := site{
		ref:        imagetest.Registry(t, nil) + "/team/image:1",
		repository: filepath.Join(imagetest.TempDir(t), "repository"),
		layer:      layer,
	}
	push(t, s.ref, layer)
	img := open(t, s.ref)
	if err := publish.Image(context.Background(), img, s.repository, func(publish.Report) {}); err != nil {
		t.Fatal(err)
	}
	rel, err := cvmfs.LayerDir(layer.ID())
	if err != nil {
		t.Fatal(err)
	}
	s.dir = filepath.Join(s.repository, rel)
	return s
}

func push(t *testing.T, ref string, layers ...v1.Layer) {
	t.Helper()
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", layers...))
}

func open(t *testing.T, ref string) *source.Image {
	t.Helper()
	img, err := source.Open(context.Background(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// writeLayout puts an image of one layer into a new OCI layout.
func writeLayout(t *testing.T, layer imagetest.Layer) string {
	t.Helper()
	path := t.TempDir()
	l, err := layout.Write(path, empty.Index)
	must(t, err)
	must(t, l.AppendImage(imagetest.Image(t, "linux/amd64", layer)))
	return path
}

// compare gives the differences without the layer's digest, and the outcome.
func (s site) compare(t *testing.T) (lines []string, done []verify.Layer, err error) {
	t.Helper()
	return s.compareWith(t, func(verify.Difference) {})
}

func (s site) compareWith(t *testing.T, see func(verify.Difference)) (lines []string, done []verify.Layer, err error) {
	t.Helper()
	finder := lookup.New([]string{s.repository}, time.Minute)
	defer finder.Close()
	lines = []string{}
	err = verify.Image(context.Background(), finder, open(t, s.ref), s.repository, verify.Report{
		Difference: func(d verify.Difference) {
			line := d.String()
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
				t.Errorf("line %q would break a terminal", line)
			}
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, d.Layer.String()), " "))
			see(d)
		},
		Layer: func(l verify.Layer) { done = append(done, l) },
	})
	return lines, done, err
}

// mustBe demands exactly these differences.
func (s site) mustBe(t *testing.T, want ...string) {
	t.Helper()
	got, done, err := s.compare(t)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("differences\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	state := verify.Equal
	if len(want) > 0 {
		state = verify.Different
	}
	if len(done) != 1 || done[0].State != state || done[0].Differences != len(want) {
		t.Errorf("outcome %+v, want one layer that is %s", done, state)
	}
}

// tree is a layer with every kind of file, all of them with a body of their name.
func tree(t *testing.T) []byte {
	t.Helper()
	return imagetest.Tar(t,
		dir("etc", 0o755), file("etc/passwd", 0o644), link("etc/passwd-", "etc/passwd"), file("etc/.wh.gone", 0o600),
		file("su", 0o4755), symlink("link", "etc/passwd"), symlink("variable", "$(HOME)/x"),
		dir("full", 0o755), file("full/a", 0o644), file("full/.wh..wh..opq", 0o644), dir("empty", 0o700),
		tar.Header{Name: "fifo", Typeflag: tar.TypeFifo, Mode: 0o644}, tar.Header{Name: "null", Typeflag: tar.TypeChar, Mode: 0o600},
		file("implied/deep/file", 0o644), file(odd, 0o644), file(".wh.whiteout", 0o644),
	)
}

const odd = "odd\n\x1b[31m\xff"

// at keeps a file's time while its content or name is damaged.
func at(t *testing.T, path string, damage func(path string)) {
	t.Helper()
	damage(path)
	setTime(t, path, imagetest.Time)
	if parent := filepath.Dir(path); filepath.Base(parent) != cvmfs.LayerFS {
		setTime(t, parent, imagetest.Time)
	}
}

func setTime(t *testing.T, path string, when time.Time) {
	t.Helper()
	spec := unix.NsecToTimespec(when.UnixNano())
	err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{spec, spec}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && err != unix.ENOENT {
		t.Fatal(err)
	}
}

// must fails a test of damage that was not done.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode))
}

func kept(what, repository, registry string) string {
	return fmt.Sprintf("%s: repository %s, registry %s", what, repository, registry)
}
