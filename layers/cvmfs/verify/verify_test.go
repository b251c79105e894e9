package verify_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/verify"
)

// TestEqual publishes tars whose entries meet in odd ways.
func TestEqual(t *testing.T) {
	owned := file("owned", 0o644)
	owned.PAXRecords = map[string]string{"SCHILY.xattr.user.note": "dropped"}
	fraction := file("fraction", 0o644)
	fraction.ModTime, fraction.Format = time.Unix(1600000000, 987654321), tar.FormatPAX
	old := file("old", 0o644)
	old.ModTime, old.Format = time.Unix(-1, 500000000), tar.FormatPAX
	for _, tc := range []struct {
		name    string
		entries []tar.Header
	}{
		{"nothing", nil},
		{"the root", []tar.Header{dir("./", 0o711), file("a", 0o644)}},
		{"what CVMFS loses", []tar.Header{owned, fraction, old}},
		{"a file twice", []tar.Header{file("a", 0o600), file("./a", 0o644)}},
		{"a directory twice", []tar.Header{dir("a", 0o700), file("a/b", 0o644), dir("a", 0o755)}},
		{"a directory after its children", []tar.Header{file("a/b", 0o644), dir("a", 0o700)}},
		{"file, directory, file", []tar.Header{file("a", 0o644), dir("a", 0o755), file("a/b", 0o644), file("a", 0o600)}},
		{"file to directory", []tar.Header{file("a", 0o644), dir("a", 0o755), file("a/b", 0o644)}},
		{"directory to symlink", []tar.Header{dir("a", 0o755), file("a/b", 0o644), dir("c", 0o755), symlink("a", "c"), file("a/d", 0o644)}},
		{"through a symlink", []tar.Header{dir("a", 0o755), symlink("b", "/a"), symlink("c", "b/../b"), file("c/d/e", 0o644)}},
		{"through an absolute one that is not at the root", []tar.Header{symlink("a/b/c", "/d"), file("a/b/c/e", 0o644)}},
		{"through one that dangles", []tar.Header{symlink("a", "../../x/./y"), file("a/b", 0o644)}},
		{"other ways to write a name", []tar.Header{file("/a", 0o644), file("b//c/./d", 0o644), file("./e/../f", 0o644)}},
		{"hard links", []tar.Header{file("a", 0o600), link("b", "a"), link("c", "/b"), file("a", 0o640), link("d", "c")}},
		{"a hard link in the place of a file", []tar.Header{file("a", 0o600), file("b", 0o600), link("b", "a")}},
		{"hard links to a symlink and a FIFO", []tar.Header{
			symlink("a", "b"), link("c", "a"),
			{Name: "f", Typeflag: tar.TypeFifo, Mode: 0o600},
			link("g", "f"),
		}},
		{"a marker of the tar's own", []tar.Header{
			{Name: ".cvmfscatalog", Typeflag: tar.TypeReg, Mode: 0o600},
			{Name: "a/.cvmfscatalog", Typeflag: tar.TypeReg, Mode: 0o600},
		}},
		{"whiteouts that are hard links", []tar.Header{file("f", 0o644), link(".wh.a", "f"), link("d/.wh.b", "d/below"), link("d/.wh..wh..opq", "/x")}},
		{"a global header", []tar.Header{{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, file("a", 0o600)}},
	} {
		t.Run(tc.name, func(t *testing.T) { publishTar(t, imagetest.Tar(t, tc.entries...)).mustBe(t) })
	}
	for name, layer := range map[string]imagetest.Layer{
		"zstd": imagetest.Zstd(t, tree(t)), "not compressed": imagetest.Plain(tree(t)),
	} {
		t.Run(name, func(t *testing.T) { publishLayer(t, layer).mustBe(t) })
	}
}

// TestLayer damages what is above the files of a layer.
func TestLayer(t *testing.T) {
	record := func(edit func(string) string) func(*testing.T, site) {
		return func(t *testing.T, s site) {
			path := filepath.Join(s.dir, ".metadata/layers.json")
			data, err := os.ReadFile(path)
			must(t, err)
			write(t, path, edit(string(data)), 0o644)
		}
	}
	swap := func(from, to string) func(*testing.T, site) {
		return record(func(s string) string { return strings.Replace(s, from, to, 1) })
	}
	archive := tree(t)
	diffID := digest.FromBytes(archive)
	const elsewhere = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	const at = ".metadata/layers.json"
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, s site)
		want   []string // beginnings
	}{
		{"no layer", func(t *testing.T, s site) { must(t, os.RemoveAll(s.dir)) }, []string{kept(": missing", "nothing", "layer")}},
		{"no layerfs", func(t *testing.T, s site) { must(t, os.RemoveAll(s.dir+"/layerfs")) }, []string{": invalid: repository invalid layer directory: layerfs"}},
		{"layerfs is a symlink", func(t *testing.T, s site) {
			must(t, os.Rename(s.dir+"/layerfs", s.dir+"/real"), os.Symlink("real", s.dir+"/layerfs"))
		}, []string{": invalid: repository invalid layer directory: layerfs"}},
		{"the layer is a symlink", func(t *testing.T, s site) {
			must(t, os.Rename(s.dir, s.dir+"x"), os.Symlink(s.dir+"x", s.dir))
		}, []string{": invalid: repository invalid layer directory"}},
		{"no record", func(t *testing.T, s site) { must(t, os.Remove(s.dir+"/"+at)) }, nil},
		{
			"diffID", swap(`"diff-digest":"`+diffID.String(), `"diff-digest":"`+elsewhere),
			[]string{at + kept(": diff-digest", elsewhere, diffID.String())},
		},
		{"digest", swap(`"compressed-diff-digest":"sha256:`, `"compressed-diff-digest":"\u001b`), []string{at + `: compressed-diff-digest: repository "\x1b`}},
		{"ID", swap(`"id":"`, `"id":"0`), []string{at + kept(": id", "0"+diffID.Encoded(), diffID.Encoded())}},
		{"size", swap(`"diff-size":`, `"diff-size":1`), []string{at + kept(": diff-size", fmt.Sprintf("1%d", len(archive)), fmt.Sprint(len(archive)))}},
		{"no record but something else", record(func(string) string { return "{" }), []string{at + ": invalid: repository layer content mismatch"}},
		{"a FIFO for a record", func(t *testing.T, s site) {
			must(t, os.Remove(s.dir+"/"+at), unix.Mkfifo(s.dir+"/"+at, 0o644))
		}, []string{at + ": invalid: repository layer content mismatch"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := publishTar(t, archive)
			tc.damage(t, s)
			got, _, err := s.compare(t)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(tc.want) {
				t.Fatalf("differences %q, want %q", got, tc.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("difference %q, want %q…", got[i], tc.want[i])
				}
			}
		})
	}
}

// TestNoVerdict are cases in which nothing may be said of the repository.
func TestNoVerdict(t *testing.T) {
	archive := tree(t)
	t.Run("a blob with another diffID", func(t *testing.T) {
		s := publishTar(t, archive)
		must(t, os.Remove(s.dir+"/layerfs/su"), os.Remove(s.dir+"/.metadata/layers.json"))
		other := s.layer
		other.Diff = imagetest.Tar(t, file("other", 0o644))
		push(t, s.ref, other)
		if got, done, err := s.compare(t); !errors.Is(err, cvmfs.ErrMismatch) || len(got)+len(done) > 0 {
			t.Errorf("error %v, differences %q, outcome %+v", err, got, done)
		}
	})
	t.Run("no repository", func(t *testing.T) {
		s := publishTar(t, archive)
		must(t, os.Rename(s.repository, s.repository+"x"), os.Mkdir(s.repository, 0o755))
		if got, _, err := s.compare(t); !errors.Is(err, cvmfs.ErrUnavailable) || len(got) > 0 {
			t.Errorf("error %v, differences %q", err, got)
		}
	})
	t.Run("a layer that goes meanwhile", func(t *testing.T) {
		s := publishTar(t, archive)
		write(t, s.dir+"/layerfs/full/b", "", 0o644)
		_, done, err := s.compareWith(t, func(verify.Difference) { _ = os.Rename(s.dir, s.dir+"x") })
		if !errors.Is(err, cvmfs.ErrLayerUnknown) || len(done) > 0 {
			t.Errorf("error %v, outcome %+v", err, done)
		}
	})
}

// TestRefused has tars that no publisher lays out: they give an error, and
// nothing is said of the repository.
func TestRefused(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"an entry that leaves the layer": {file("../../evil", 0o644)},
		"a link that leaves the layer":   {file("a", 0o644), link("b", "../a")},
		"a link to nothing":              {link("b", "a")},
		"a link to itself":               {file("a", 0o644), link("a", "a")},
		"a link to a directory":          {dir("a", 0o755), link("b", "a")},
		"a file as the root":             {file(".", 0o644)},
		"a file as a parent":             {file("a", 0o644), file("a/b", 0o644)},
		"a loop":                         {symlink("a", "b"), symlink("b", "a"), file("a/c", 0o644)},
		"an unknown type":                {{Name: "a", Typeflag: 'Z'}},
	} {
		t.Run(name, func(t *testing.T) {
			s := publishTar(t, imagetest.Tar(t))
			refused := imagetest.Gzip(t, imagetest.Tar(t, entries...))
			push(t, s.ref, refused)
			rel, err := cvmfs.LayerDir(refused.ID())
			must(t, err)
			must(t, os.MkdirAll(filepath.Join(s.repository, rel, "layerfs"), 0o755))
			got, done, err := s.compare(t)
			if !errors.Is(err, unpack.ErrEntry) && !errors.Is(err, unix.ELOOP) || len(got)+len(done) > 0 {
				t.Errorf("error %v, differences %q, outcome %+v", err, got, done)
			}
		})
	}
}

// TestChangedCatalogue plays a CVMFS client to which a new revision comes.
func TestChangedCatalogue(t *testing.T) {
	s := publishTar(t, tree(t))
	catalogue := func(hash string) error {
		return unix.Setxattr(s.dir+"/layerfs", "user.catalog_counters", []byte("catalog_hash: "+hash+"\n"), 0)
	}
	if err := catalogue("aa"); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("no attributes on %s", s.dir)
	}
	s.mustBe(t)
	write(t, s.dir+"/layerfs/full/b", "", 0o644)
	_, done, err := s.compareWith(t, func(verify.Difference) { must(t, catalogue("bb")) })
	if !errors.Is(err, cvmfs.ErrMismatch) || len(done) > 0 {
		t.Errorf("error %v, outcome %+v", err, done)
	}
}

// hung is a repository of which the look-up has got no answer in time.
type hung struct{}

func (hung) Find(context.Context, digest.Digest, digest.Digest) (cvmfs.Layer, error) {
	return cvmfs.Layer{}, fmt.Errorf("%w: no answer in time", cvmfs.ErrUnavailable)
}

func TestHung(t *testing.T) {
	s := publishTar(t, tree(t))
	must(t, os.Remove(s.dir+"/layerfs/su"))
	err := verify.Image(context.Background(), hung{}, open(t, s.ref), s.repository, verify.Report{
		Difference: func(d verify.Difference) { t.Errorf("it was read: %s", d) },
		Layer:      func(l verify.Layer) { t.Errorf("it was compared: %+v", l) },
	})
	if !errors.Is(err, cvmfs.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// TestBadBlob has a registry give another blob than the manifest names.
func TestBadBlob(t *testing.T) {
	s := publishTar(t, tree(t))
	must(t, os.Remove(s.dir+"/layerfs/su"))
	layout := writeLayout(t, s.layer)
	s.ref = "oci:" + layout
	blob := filepath.Join(layout, "blobs/sha256", s.layer.ID().Encoded())
	data, err := os.ReadFile(blob)
	must(t, err)
	for name, damaged := range map[string][]byte{
		"truncated": data[:len(data)-20],
		"a bit":     append(append(append([]byte{}, data[:len(data)/2]...), data[len(data)/2]^1), data[len(data)/2+1:]...),
		"longer":    append(append([]byte{}, data...), 0),
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(blob, damaged, 0o644))
			if got, done, err := s.compare(t); !errors.Is(err, cvmfs.ErrMismatch) || len(got)+len(done) > 0 {
				t.Errorf("error %v, differences %q, outcome %+v", err, got, done)
			}
		})
	}
	must(t, os.WriteFile(blob, data, 0o644))
	s.mustBe(t, "layerfs/su"+kept(": missing", "nothing", "file"))
}

func TestSkipped(t *testing.T) {
	s := publishTar(t, tree(t))
	foreign := imagetest.Zstd(t, imagetest.Tar(t))
	foreign.Type = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
	imagetest.Push(t, s.ref, imagetest.Image(t, "linux/amd64", foreign, s.layer, s.layer))
	got, done, err := s.compare(t)
	if err != nil || len(got) > 0 || len(done) != 2 || done[0].State != verify.Skipped || done[1].State != verify.Equal {
		t.Errorf("error %v, differences %q, outcome %+v", err, got, done)
	}
}
