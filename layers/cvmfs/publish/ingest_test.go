package publish_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/server"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin/publisher"
)

const repositoryName = "unpacked.example.org"

// newServer is a machine with a simulated CVMFS server; it gives a repository's mount.
func newServer(t *testing.T) publish.Target {
	t.Helper()
	root, bin := imagetest.TempDir(t), imagetest.TempDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, publisher.Name)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv(publisher.RootEnv, root)
	t.Setenv("TMPDIR", imagetest.TempDir(t))
	dir := filepath.Join(root, repositoryName)
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	return publish.Target{Dir: dir, Server: &server.Repository{Name: repositoryName}}
}

// into publishes an image, and gives what became of its layers, in their order.
func into(t *testing.T, ref string, target publish.Target) ([]publish.Report, error) {
	t.Helper()
	img, err := source.Open(context.Background(), ref, source.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	byDigest := map[string]publish.Report{}
	err = publish.Into(context.Background(), img, target, func(r publish.Report) { byDigest[r.Digest.String()] = r })
	var out []publish.Report
	for _, l := range img.Layers {
		out = append(out, byDigest[l.Digest.String()])
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	return out, err
}

// everyKind is a layer with all that a tar may hold, odd and in an odd order.
func everyKind(t *testing.T) []byte {
	return imagetest.Tar(t,
		dir("./", 0o711), file("f", 0o4755), link("hard", "./f"), dir("closed", 0), file("closed/f", 0), file("closed/.wh.x", 0),
		file(".wh.gone", 0o644), file("opaque/.wh..wh..opq", 0o644), link(".wh.linked", "not/here"),
		symlink("l", "/opaque"), file("l/through", 0o640), file("f2", 0o600), file("./f2", 0o644), symlink("dangling", "$(X)/y"),
		tar.Header{Name: "fifo", Typeflag: tar.TypeFifo, Mode: 0o600}, dir("later/sub", 0o700), dir("later", 0o2755),
		file(strings.Repeat("long/", 60)+strings.Repeat("n", 255), 0o644), file("new\nline\xff", 0o644))
}

// TestIngest publishes on a server what is published into a plain directory: the same tree, path by path.
func TestIngest(t *testing.T) {
	target := newServer(t)
	host := imagetest.Registry(t, nil)
	l := imagetest.Gzip(t, everyKind(t))
	imagetest.Push(t, host+"/image:1", imagetest.Image(t, "linux/amd64", l, imagetest.Gzip(t, imagetest.Tar(t, file("b", 0o644)))))
	plain := imagetest.TempDir(t)
	mustRun(t, host+"/image:1", plain)
	for _, want := range []publish.Status{publish.Published, publish.AlreadyThere} {
		reports, err := into(t, host+"/image:1", target)
		if err != nil || reports[0].Status != want || reports[1].Status != want {
			t.Fatalf("reports %+v, error %v, want %s", reports, err, want)
		}
	}
	// Another name for layers that are all there.
	imagetest.Push(t, host+"/image:2", imagetest.Image(t, "linux/amd64", l))
	mustRun(t, host+"/image:2", plain)
	if reports, err := into(t, host+"/image:2", target); err != nil || reports[0].Status != publish.AlreadyThere {
		t.Fatalf("reports %+v, error %v", reports, err)
	}
	want := imagetest.Tree(t, plain)
	got := imagetest.Tree(t, target.Dir)
	got[0], want[0] = "", "" // the mount point is the server's
	if !slices.Equal(got, want) {
		t.Errorf("the server has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, name := range []string{"f", "hard", "f2", "opaque/through"} {
		if a, b := read(t, layerDir(t, target.Dir, l.ID()), "layerfs", name), read(t, layerDir(t, plain, l.ID()), "layerfs", name); a != b {
			t.Errorf("%s is %q, want %q", name, a, b)
		}
	}
}

// TestIngestMany has layers that are there beside layers that are not: while one is published, the server's union is gone.
func TestIngestMany(t *testing.T) {
	target := newServer(t)
	host := imagetest.Registry(t, nil)
	var some, all []v1.Layer
	for i := range 16 {
		l := imagetest.Gzip(t, imagetest.Tar(t, file(fmt.Sprintf("f%d", i), 0o644)))
		if all = append(all, l); i%2 == 0 {
			some = append(some, l)
		}
	}
	imagetest.Push(t, host+"/some:1", imagetest.Image(t, "linux/amd64", some...))
	imagetest.Push(t, host+"/all:1", imagetest.Image(t, "linux/amd64", all...))
	if _, err := into(t, host+"/some:1", target); err != nil {
		t.Fatal(err)
	}
	reports, err := into(t, host+"/all:1", target)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range reports {
		if want := []publish.Status{publish.AlreadyThere, publish.Published}[i%2]; r.Status != want {
			t.Errorf("layer %d: %+v, want %s", i, r, want)
		}
	}
}

// TestTransactionLosesWhiteouts lays layers into a transaction. The server would drop what they delete, so they are refused.
func TestTransactionLosesWhiteouts(t *testing.T) {
	target := newServer(t)
	host := imagetest.Registry(t, nil)
	deletes := imagetest.Gzip(t, imagetest.Tar(t, file("etc/.wh.gone", 0o644)))
	imagetest.Push(t, host+"/deletes:1", imagetest.Image(t, "linux/amd64", deletes))
	imagetest.Push(t, host+"/keeps:1", imagetest.Image(t, "linux/amd64", imagetest.Gzip(t, imagetest.Tar(t, file("f", 0o644)))))
	err := target.Server.Transaction(context.Background(), func() error {
		open := publish.Target{Dir: target.Dir, Transaction: true}
		if _, err := into(t, host+"/deletes:1", open); !errors.Is(err, unpack.ErrTransaction) || !strings.Contains(err.Error(), "cvmfs_server abort") {
			t.Errorf("error %v, want %v and the way out", err, unpack.ErrTransaction)
		}
		if left := remains(t, target.Dir); len(left) > 0 {
			t.Errorf("%q is left", left)
		}
		_, err := into(t, host+"/keeps:1", open)
		// What an earlier version did.
		mustRun(t, host+"/deletes:1", target.Dir)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(layerDir(t, target.Dir, deletes.ID()), "layerfs/etc/.wh.gone")); err == nil {
		t.Error("the simulated server kept a whiteout of a transaction: this tests nothing")
	}
}

// TestIngestFails has servers that refuse, and layers that may not be published: nothing changes, and no transaction stays open.
func TestIngestFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		layer []tar.Header
		spoil func(t *testing.T, target publish.Target)
		want  string
	}{
		{"an open transaction", []tar.Header{file("f", 0o644)}, func(t *testing.T, target publish.Target) {
			if err := os.WriteFile(filepath.Join(filepath.Dir(target.Dir), "."+repositoryName+".transaction"), []byte("[]"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "another transaction is already open"},
		{"no server", []tar.Header{file("f", 0o644)}, func(t *testing.T, _ publish.Target) { t.Setenv("PATH", "/nowhere") }, "cvmfs-server"},
		{"no such repository", []tar.Header{file("f", 0o644)}, func(_ *testing.T, target publish.Target) { target.Server.Name = "other.example.org" }, "other.example.org"},
		{"a graft", []tar.Header{file("f", 0o644), file(".cvmfsgraft-f", 0o644)}, nil, "reserved by CVMFS"},
		{"an odd marker", []tar.Header{dir("a/.cvmfscatalog", 0o755)}, nil, "reserved by CVMFS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			target := newServer(t)
			host := imagetest.Registry(t, nil)
			imagetest.Push(t, host+"/image:1", imagetest.Image(t, "linux/amd64", imagetest.Gzip(t, imagetest.Tar(t, tc.layer...))))
			if tc.spoil != nil {
				tc.spoil(t, target)
			}
			_, err := into(t, host+"/image:1", target)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if left := remains(t, target.Dir); len(left) > 0 {
				t.Errorf("%q is left", left)
			}
		})
	}
}

// TestServerActsOnNames shows that the names which are refused are worth it: the simulated server does as the real one.
func TestServerActsOnNames(t *testing.T) {
	target := newServer(t)
	for _, tc := range []struct {
		name  string
		layer []tar.Header
		fails bool
	}{
		{"graft", []tar.Header{file("f", 0o644), {Name: ".cvmfsgraft-f", Typeflag: tar.TypeReg, Mode: 0o644}}, true},
		{"odd marker", []tar.Header{symlink(".cvmfscatalog", "f")}, true},
		{"bundles", []tar.Header{file(".cvmfsbundles", 0o644)}, true},
		{"whiteout", []tar.Header{file(".wh.f", 0o644)}, false},
	} {
		in, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(imagetest.Tar(t, tc.layer...)); err != nil {
			t.Fatal(err)
		}
		status := publisher.Main([]string{"ingest", "-t", in.Name(), "-b", tc.name, repositoryName}, nil, os.Stderr)
		if (status != 0) != tc.fails {
			t.Errorf("%s: status %d", tc.name, status)
		}
	}
	if _, err := os.Lstat(filepath.Join(target.Dir, "whiteout/.wh.f")); err != nil {
		t.Errorf("ingest lost a whiteout: %v", err)
	}
}
