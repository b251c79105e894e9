//go:build linux

package overlay

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	graphdriver "go.podman.io/storage/drivers"
)

// A record that a power cut left, or that another version wrote, is never taken for an
// ordinary layer's or for one with nothing beneath it, and is written anew by whoever
// records the layer again or makes it local.
func TestRemoteRecordUnusable(t *testing.T) {
	layer := cvmfs.Layer{Path: remotePath, DiffSize: 12345, Identity: cvmfs.Identity{CatalogHash: "bb"}}
	for name, damage := range map[string]struct{ file, holds, says string }{
		"no link":          {"link", "-", "damaged"},
		"an empty link":    {"link", "", "damaged"},
		"half a path":      {"link", remotePath[:20], "damaged"},
		"a path alone":     {"link", remotePath + "\n", "damaged"},
		"half a record":    {"link", remotePath + "\n" + `{"mode":365,"dif`, "damaged"},
		"zeroes":           {"link", strings.Repeat("\x00", 300), "damaged"},
		"a later version":  {"link", remotePath + "\n" + `{"version":2,"mode":365}`, "version 2"},
		"no lowers":        {lowerFile, "", "damaged"},
		"zeroes as lowers": {lowerFile, strings.Repeat("\x00", len("l/base")), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			d := testDriver(t)
			for _, err := range []error{
				d.Create("local", "", nil), os.Chmod(filepath.Join(d.home, "local", "diff"), 0o751),
				d.CreateRemote("base", "local", layer), d.CreateRemote("layer", "base", layer), d.CreateRemote("top", "layer", layer),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			lower, err := os.ReadFile(filepath.Join(d.home, "layer", lowerFile))
			if err != nil {
				t.Fatal(err)
			}
			strike := func() {
				t.Helper()
				file := filepath.Join(d.home, "layer", damage.file)
				err := os.Remove(file)
				if damage.holds != "-" {
					err = os.WriteFile(file, []byte(damage.holds), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			strike()
			_, err1 := d.RemoteLayer("layer")
			_, err2 := d.remoteLower("l/layer")
			_, _, err3 := d.asLower("layer")
			_, _, err4 := d.remoteLayersOf("top")
			err5 := d.Create("container", "layer", nil)
			for i, err := range []error{err1, err2, err3, err4, err5} {
				if !errors.Is(err, graphdriver.ErrRemoteRecord) || !strings.Contains(err.Error(), damage.says) || !strings.Contains(err.Error(), "podman pull") {
					t.Errorf("%d: %v", i+1, err)
				}
			}
			if err := d.UpdateRemote("layer", "base", layer); err != nil {
				t.Fatal(err)
			}
			if got, err := d.RemoteLayer("layer"); err != nil || got == nil || *got != layer {
				t.Errorf("recorded anew: %+v, %v", got, err)
			}
			if is, err := os.ReadFile(filepath.Join(d.home, "layer", lowerFile)); err != nil || string(is) != string(lower) {
				t.Errorf("recorded anew: on %q, %v, want %q", is, err, lower)
			}
			if st, err := statRoot(d.dir("layer"), d.dir("layer")); err != nil || st.Mode() != 0o751 {
				t.Errorf("recorded anew: mode %o, %v", st.Mode(), err)
			}
			strike()
			for _, err := range []error{d.Create("new", "base", nil), d.MakeLocal("layer", "new")} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if got, err := d.RemoteLayer("layer"); err != nil || got != nil {
				t.Errorf("made local: %+v, %v", got, err)
			}
			if is, err := os.ReadFile(filepath.Join(d.home, "layer", lowerFile)); err != nil || string(is) != string(lower) {
				t.Errorf("made local: on %q, %v, want %q", is, err, lower)
			}
		})
	}
}

// What earlier versions wrote stays of use, and as it is.
func TestRemoteRecordOfBefore(t *testing.T) {
	for name, record := range map[string]string{
		"without version": `{"mode":493,"diff-size":12345,"repository":"r.example.org","revision":7,"root-hash":"aa","catalog-hash":"bb"}`,
		"version 1":       `{"version":1,"mode":493,"diff-size":12345,"repository":"r.example.org","revision":7,"root-hash":"aa","catalog-hash":"bb","new":[1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := testDriver(t)
			dir := filepath.Join(d.home, "layer")
			link := []byte(remotePath + "\n" + record)
			for _, err := range []error{
				os.Mkdir(dir, 0o700), os.Symlink(remoteDiff, filepath.Join(dir, "diff")), os.WriteFile(filepath.Join(dir, "link"), link, 0o644),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			want := cvmfs.Layer{
				Path: remotePath, DiffSize: 12345,
				Identity: cvmfs.Identity{Repository: "r.example.org", Revision: 7, RootHash: "aa", CatalogHash: "bb"},
			}
			if got, err := d.RemoteLayer("layer"); err != nil || got == nil || *got != want {
				t.Errorf("%+v, %v", got, err)
			}
			if err := d.UpdateRemote("layer", "", want); err != nil {
				t.Error(err)
			}
			if is, err := os.ReadFile(filepath.Join(dir, "link")); err != nil || string(is) != string(link) {
				t.Errorf("became %q, %v", is, err)
			}
		})
	}
	d := testDriver(t)
	huge := cvmfs.Layer{Path: remotePath, DiffSize: 1<<63 - 1}
	if err := d.CreateRemote("huge", "", huge); err != nil {
		t.Fatal(err)
	}
	if got, err := d.RemoteLayer("huge"); err != nil || got.DiffSize != -1 {
		t.Errorf("a size that no layer has: %+v, %v", got, err)
	}
}

// An image of more layers than can be mounted is refused when it is pulled.
func TestRemoteTooDeep(t *testing.T) {
	d := testDriver(t)
	for id, beneath := range map[string]int{"deepest": maxDepth - 2, "too-deep": maxDepth - 1} {
		dir := filepath.Join(d.home, id)
		for _, err := range []error{
			os.Mkdir(dir, 0o700), writeLower(dir, strings.TrimSuffix(strings.Repeat("l/base:", beneath), ":")),
			d.writeRemote(id, remoteRecord{Layer: cvmfs.Layer{Path: remotePath}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		err := d.CreateRemote("on-"+id, id, cvmfs.Layer{Path: remotePath})
		if errors.Is(err, graphdriver.ErrNotSupported) != (id == "too-deep") || (err == nil) != (id == "deepest") {
			t.Errorf("%s: %v", id, err)
		}
		if d.Exists("on-"+id) != (err == nil) {
			t.Errorf("%s: something was left behind", id)
		}
	}
}
