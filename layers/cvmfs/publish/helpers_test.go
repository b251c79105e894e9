package publish_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

var update = flag.Bool("update", false, "write the golden files")

var dir, file, symlink, link = imagetest.Dir, imagetest.File, imagetest.Symlink, imagetest.Link

// run publishes ref into repository and gives the reports by digest.
func run(ctx context.Context, ref, repository string) (map[digest.Digest]publish.Report, error) {
	img, err := source.Open(ctx, ref, source.Options{Platform: "linux/amd64"})
	if err != nil {
		return nil, err
	}
	reports := map[digest.Digest]publish.Report{}
	err = publish.Image(ctx, img, repository, func(r publish.Report) { reports[r.Digest] = r })
	return reports, err
}

// mustRun is run where nothing may go wrong.
func mustRun(t *testing.T, ref, repository string) map[digest.Digest]publish.Report {
	t.Helper()
	reports, err := run(context.Background(), ref, repository)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

// writeLayout puts an image into a new OCI layout.
func writeLayout(t *testing.T, img v1.Image) string {
	t.Helper()
	path := filepath.Join(imagetest.TempDir(t), "image")
	l, err := layout.Write(path, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	return path
}

// blobPath is where a layout has a layer.
func blobPath(layout string, l imagetest.Layer) string {
	return filepath.Join(layout, "blobs", "sha256", l.ID().Encoded())
}

func layerDir(t *testing.T, repository string, d digest.Digest) string {
	t.Helper()
	rel, err := cvmfs.LayerDir(d)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(repository, rel)
}

// remains lists all but directories of two digits and catalogue markers: what
// a run may leave that published no layer and no image.
func remains(t *testing.T, repository string) []string {
	t.Helper()
	out := []string{}
	for _, line := range imagetest.Tree(t, repository) {
		path := line[strings.Index(line, " ")+1:]
		name := filepath.Base(path)
		if path == "." || path == cvmfs.LayersDir || name == cvmfs.CatalogFile || len(name) == 2 {
			continue
		}
		out = append(out, line)
	}
	return out
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
