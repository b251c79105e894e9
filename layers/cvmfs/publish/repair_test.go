package publish_test

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
)

// TestRepair has layers that a power cut left half done, and records that another publisher got wrong.
func TestRepair(t *testing.T) {
	cut := func(name string) func(*testing.T, string) {
		return func(t *testing.T, layer string) {
			if err := os.Truncate(filepath.Join(layer, name), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, layer string) {
			path := filepath.Join(layer, ".metadata/layers.json")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(read(t, path), from, to)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	both := func(all ...func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, layer string) {
			for _, f := range all {
				f(t, layer)
			}
		}
	}
	data := append(imagetest.Tar(t, dir("d", 0o755), file("d/f", 0o644), file("d/.wh.g", 0o644)), make([]byte, 1<<20)...) // padding, as in R10
	diffID := digest.FromBytes(data)
	wrong := edit(diffID.Encoded(), strings.Repeat("0", 64))
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, layer string)
		want   publish.Status
	}{
		{"nothing", func(*testing.T, string) {}, publish.AlreadyThere},
		{"a wrong diffID", wrong, publish.Repaired},
		{"another layer's record", edit(`"compressed-diff-digest":"sha256:`, `"compressed-diff-digest":"sha256:0`), publish.Repaired},
		{"an empty record", cut(".metadata/layers.json"), publish.Repaired},
		{"no JSON", edit("[", "{"), publish.Repaired},
		{"no record", func(t *testing.T, layer string) { os.Remove(filepath.Join(layer, ".metadata/layers.json")) }, publish.Repaired},
		{"no record at all", func(t *testing.T, layer string) { os.RemoveAll(filepath.Join(layer, ".metadata")) }, publish.Repaired},
		{"an empty record and an empty file", both(cut(".metadata/layers.json"), cut("layerfs/d/f")), publish.Replaced},
		{"an empty record and a lost file", both(cut(".metadata/layers.json"), func(t *testing.T, layer string) { os.Remove(filepath.Join(layer, "layerfs/d/.wh.g")) }), publish.Replaced},
		{"a wrong diffID of other contents", both(wrong, cut("layerfs/d/f")), publish.Replaced},
		{"an empty origin", cut(".metadata/origin.json"), publish.AlreadyThere},
	} {
		for _, where := range []string{"directory", "server"} {
			t.Run(tc.name+" in a "+where, func(t *testing.T) {
				target := newServer(t)
				if where == "directory" {
					target.Server = nil
				}
				host := imagetest.Registry(t, nil)
				l := imagetest.Gzip(t, data)
				img := imagetest.Image(t, "linux/amd64", l)
				imagetest.Push(t, host+"/image:1", img)
				if _, err := into(t, host+"/image:1", target); err != nil {
					t.Fatal(err)
				}
				at := layerDir(t, target.Dir, l.ID())
				before := imagetest.Tree(t, filepath.Join(at, "layerfs"))
				tc.damage(t, at)

				reports, err := into(t, host+"/image:1", target)
				if err != nil || reports[0].Status != tc.want {
					t.Errorf("reports %+v, error %v, want %s", reports, err, tc.want)
				}
				if got := imagetest.Tree(t, filepath.Join(at, "layerfs")); strings.Join(got, "\n") != strings.Join(before, "\n") || read(t, at, "layerfs/d/f") != "d/f" {
					t.Errorf("the layer is %q", got)
				}
				record, err := publish.ReadLayerMetadata(at)
				if err != nil || record.DiffDigest != diffID || record.ID != diffID.Encoded() || record.CompressedDiffDigest != l.ID() || record.DiffSize != int64(len(data)) {
					t.Errorf("record %+v, error %v", record, err)
				}
				var origin publish.Origin
				if err := json.Unmarshal([]byte(read(t, at, ".metadata", cvmfs.OriginFile)), &origin); err != nil || len(origin.Origin) != 1 || origin.Origin[0] != configOf(t, img) {
					t.Errorf("origin %+v, error %v", origin, err)
				}
				if left := stages(t, target.Dir); len(left) > 0 {
					t.Errorf("%q is left", left)
				}
			})
		}
	}
}

// TestRepairTakesNoLie has an image that lies about the diffID of a layer that is there: the record stays.
func TestRepairTakesNoLie(t *testing.T) {
	host := imagetest.Registry(t, nil)
	l := imagetest.Gzip(t, imagetest.Tar(t, file("f", 0o644)))
	liar := l
	liar.Diff = imagetest.Tar(t, tar.Header{Name: "other", Typeflag: tar.TypeReg})
	imagetest.Push(t, host+"/image:1", imagetest.Image(t, "linux/amd64", l))
	imagetest.Push(t, host+"/liar:1", imagetest.Image(t, "linux/amd64", liar))
	for _, target := range []publish.Target{newServer(t), {Dir: imagetest.TempDir(t)}} {
		if _, err := into(t, host+"/image:1", target); err != nil {
			t.Fatal(err)
		}
		_, err := into(t, host+"/liar:1", target)
		if err == nil || !strings.Contains(err.Error(), cvmfs.ErrMismatch.Error()) {
			t.Errorf("error %v, want %v", err, cvmfs.ErrMismatch)
		}
		if record, err := publish.ReadLayerMetadata(layerDir(t, target.Dir, l.ID())); err != nil || record.DiffDigest != digest.FromBytes(l.Diff) {
			t.Errorf("record %+v, error %v", record, err)
		}
	}
}
