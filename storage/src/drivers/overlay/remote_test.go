//go:build linux

package overlay

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"go.podman.io/storage/pkg/idtools"
)

const (
	remoteHex  = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"
	remotePath = "/cvmfs/unpacked.example.org/.layers/a1/" + remoteHex + "/layerfs"
)

func testDriver(t *testing.T) *Driver {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, linkDir), 0o755); err != nil {
		t.Fatal(err)
	}
	return &Driver{name: "overlay", home: home, runhome: t.TempDir()}
}

func TestRemoteRecord(t *testing.T) {
	d := testDriver(t)
	want := cvmfs.Layer{
		Path: remotePath, DiffSize: 12345,
		Identity: cvmfs.Identity{Repository: "unpacked.example.org", Revision: 7, RootHash: "aa", CatalogHash: "bb"},
	}
	if err := d.CreateRemote("base", "", want); err != nil {
		t.Fatal(err)
	}
	if err := d.CreateRemote("top", "base", want); err != nil {
		t.Fatal(err)
	}
	got, err := d.RemoteLayer("top")
	if err != nil || got == nil || *got != want {
		t.Errorf("RemoteLayer = %+v, %v, want %+v", got, err, want)
	}
	link, err := os.ReadFile(filepath.Join(d.home, "top", "link"))
	if err != nil || !strings.HasPrefix(string(link), remotePath+"\n") {
		t.Errorf("link file holds %q, %v", link, err)
	}
	lower, err := os.ReadFile(filepath.Join(d.home, "top", lowerFile))
	if err != nil || strings.Contains(string(lower), "cvmfs") {
		t.Errorf("lower file holds %q, %v: it must name the layer, not its path", lower, err)
	}
	if links, err := os.ReadDir(filepath.Join(d.home, linkDir)); err != nil || len(links) != 0 {
		t.Errorf("%d symbolic links, %v", len(links), err)
	}
	if _, err := os.Stat(filepath.Join(d.home, "top", "diff")); !os.IsNotExist(err) {
		t.Errorf("a remote layer has a diff directory: %v", err)
	}
	// As versions without remote layers do.
	if err := idtools.MkdirAllAs(filepath.Join(d.home, "top", "diff"), 0o755, 0, 0); err == nil {
		t.Error("a diff directory can be made of a remote layer")
	}
	if _, err := redirectDiff(filepath.Join(d.home, "top", "diff")); err == nil || !strings.Contains(err.Error(), remoteDiff) {
		t.Errorf("reading a remote layer's diff directory: %v", err)
	}
	if err := d.Remove("top"); err != nil {
		t.Fatal(err)
	}
	if d.Exists("top") || !d.Exists("base") {
		t.Error("Remove did not remove just the layer")
	}
}

// What is recorded anew is all in one file, so that a process that is killed leaves
// the old record or the new one.
func TestRemoteRecordAnew(t *testing.T) {
	d := testDriver(t)
	d.options.forceMask = new(os.FileMode)
	*d.options.forceMask = 0o700
	old := cvmfs.Layer{Path: remotePath, Identity: cvmfs.Identity{CatalogHash: "aa"}}
	want := cvmfs.Layer{Path: "/a\nline" + remotePath, Identity: cvmfs.Identity{CatalogHash: "bb"}}
	if err := d.CreateRemote("base", "", old); err != nil {
		t.Fatal(err)
	}
	d.options.forceMask = nil
	if err := d.UpdateRemote("base", "", want); err != nil {
		t.Fatal(err)
	}
	if got, err := d.RemoteLayer("base"); err != nil || *got != want {
		t.Errorf("RemoteLayer = %+v, %v, want %+v", got, err, want)
	}
	if st, err := statRoot(d.dir("base"), d.dir("base")); err != nil || st.Mode() != 0o700 {
		t.Errorf("the mode of the root is %o, %v, want 700", st.Mode(), err)
	}
	for _, record := range []string{remotePath, remotePath + "\n", remotePath + "\n[]", "/etc\n{}", "/\n"} {
		if err := os.WriteFile(filepath.Join(d.home, "base", "link"), []byte(record), 0o644); err != nil {
			t.Fatal(err)
		}
		if layer, err := d.RemoteLayer("base"); err == nil {
			t.Errorf("%q is taken for the record of %+v", record, layer)
		}
	}
}

// A process is killed while it makes a layer, or makes one local: whoever
// removes it takes the layer's own link with it, and no other.
func TestRemoveCutShort(t *testing.T) {
	d := testDriver(t)
	other := filepath.Join(d.home, linkDir, "OTHER")
	if err := os.Symlink("../other/diff", other); err != nil {
		t.Fatal(err)
	}
	for name, link := range map[string]string{"empty": "", "remote": remotePath} {
		dir, own := filepath.Join(d.home, name), filepath.Join(d.home, linkDir, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "link"), []byte(link), 0o600); err != nil {
			t.Fatal(err)
		}
		if link != "" {
			if err := os.Symlink(filepath.Join("..", name, "diff"), own); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Remove(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(own); !os.IsNotExist(err) {
			t.Errorf("%s: its link is left: %v", name, err)
		}
		if _, err := os.Lstat(other); err != nil {
			t.Errorf("%s: another layer's link is gone: %v", name, err)
		}
	}
}

func TestRemoteRecordRefused(t *testing.T) {
	d := testDriver(t)
	for _, path := range []string{
		"", "relative/.layers/a1/" + remoteHex + "/layerfs", remotePath + "/..", "/etc",
		"/cvmfs/x/.layers/00/" + remoteHex + "/layerfs", strings.Replace(remotePath, "layerfs", "other", 1),
	} {
		if err := d.CreateRemote("bad", "", cvmfs.Layer{Path: path}); err == nil {
			t.Errorf("a layer at %q was recorded", path)
		}
		if d.Exists("bad") {
			t.Errorf("path %q: something was left behind", path)
		}
	}
	if layer, err := d.RemoteLayer("never"); layer != nil || err != nil {
		t.Errorf("RemoteLayer of no layer = %v, %v", layer, err)
	}
}

// The root of every layer has the mode of its parent's.
func TestCreateOnRemote(t *testing.T) {
	d := testDriver(t)
	remote := cvmfs.Layer{Path: remotePath}
	for _, err := range []error{
		d.CreateRemote("remote", "", remote), d.Create("on-remote", "remote", nil),
		d.Create("local", "", nil), os.Chmod(filepath.Join(d.home, "local", "diff"), 0o751),
		d.CreateRemote("on-local", "local", remote), d.CreateRemote("higher", "on-local", remote),
		d.Create("top", "higher", nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for id, mode := range map[string]os.FileMode{"on-remote": defaultPerms, "top": 0o751} {
		st, err := os.Stat(filepath.Join(d.home, id, "diff"))
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("the root of %q: %v, %v, want mode %v", id, st, err, mode)
		}
	}
	lower, err := os.ReadFile(filepath.Join(d.home, "top", lowerFile))
	if want := "l/higher:l/on-local:l/"; err != nil || !strings.HasPrefix(string(lower), want) {
		t.Errorf("lower file holds %q, %v, want %s…", lower, err, want)
	}
}

// Whoever owns the files beneath a layer is noted, not changed, wherever one of
// the layers is remote.
func TestMapRemote(t *testing.T) {
	d := testDriver(t)
	maps := []idtools.IDMap{{ContainerID: 0, HostID: 1, Size: 1000}, {ContainerID: 1000, HostID: 0, Size: 1}}
	toHost := idtools.NewIDMappingsFromMaps(maps, maps)
	for _, err := range []error{
		d.Create("local", "", nil),
		d.CreateRemote("image", "local", cvmfs.Layer{Path: remotePath}),
		d.Create("mapped", "image", nil), d.UpdateLayerIDMap("mapped", nil, toHost, ""), d.Create("container", "mapped", nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ranges := []spec.Range{{From: 0, To: 1, Size: 1000}, {From: 1000, To: 0, Size: 1}}
	mapped := remoteOwner{UID: 1, GID: 1, UIDs: ranges, GIDs: ranges}
	for id, want := range map[string]struct {
		owner remoteOwner
		view  string // the layers of the first view
	}{
		"image":     {remoteOwner{}, ""},
		"mapped":    {mapped, "image local"},
		"container": {mapped, "image local"},
	} {
		stack, err := d.remoteStack(id)
		if err != nil {
			t.Fatal(err)
		}
		v := &views{d: d, dir: t.TempDir(), stack: stack}
		if err := v.readOwner(d.dir(id)); err != nil || !reflect.DeepEqual(v.owner, want.owner) {
			t.Errorf("%s: owners %+v, %v, want %+v", id, v.owner, err, want.owner)
		}
		got := []string{}
		for i := range stack {
			if _, _, err := v.lower(i); err != nil {
				t.Fatal(err)
			}
		}
		for _, run := range v.runs {
			for _, l := range run.layers {
				switch {
				case l.Path == remotePath && !l.Overlay:
					got = append(got, "image")
				case l.Path == filepath.Join(d.home, "local", "diff") && l.Overlay:
					got = append(got, "local")
				default:
					t.Errorf("%s: a view has %+v", id, l)
				}
			}
		}
		if strings.Join(got, " ") != want.view {
			t.Errorf("%s: a view of %q, want %q", id, got, want.view)
		}
	}
	if err := d.Create("ordinary", "local", nil); err != nil {
		t.Fatal(err)
	}
	if mapped, err := d.mapRemote("ordinary", filepath.Join(d.home, "ordinary", "diff"), nil, nil); mapped || err != nil {
		t.Errorf("a layer without remote ones beneath was mapped: %v, %v", mapped, err)
	}
}
