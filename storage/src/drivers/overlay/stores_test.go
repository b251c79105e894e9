//go:build linux

package overlay

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	graphdriver "go.podman.io/storage/drivers"
)

const (
	sharedID = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
	goneID   = "6060606060606060606060606060606060606060606060606060606060606060"
)

// storeDriver is a driver whose home is where a store has it.
func storeDriver(t *testing.T, additional ...string) *Driver {
	t.Helper()
	d := testDriver(t)
	d.home = filepath.Join(t.TempDir(), d.name)
	if err := os.MkdirAll(filepath.Join(d.home, linkDir), 0o755); err != nil {
		t.Fatal(err)
	}
	d.options.imageStores = additional
	return d
}

// names are all below a directory, with their modes.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.Walk(dir, func(path string, st os.FileInfo, err error) error {
		all = append(all, strings.TrimPrefix(path, dir)+" "+st.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAdditionalStoreStaysAsItIs(t *testing.T) {
	remote, elsewhere := cvmfs.Layer{Path: remotePath}, cvmfs.Layer{Path: strings.Replace(remotePath, "/cvmfs/", "/mnt/", 1)}
	admin := storeDriver(t)
	for _, err := range []error{
		admin.CreateRemote(sharedID, "", remote), admin.Create("local", sharedID, nil),
		os.Chmod(filepath.Join(admin.home, "local", "diff"), 0o751),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	store := filepath.Dir(admin.home)
	before := names(t, store)
	d := storeDriver(t, store)

	for id, mode := range map[string]os.FileMode{sharedID: defaultPerms, "local": 0o751} {
		base := d.mountBase(id)
		if base != filepath.Join(d.runhome, id) {
			t.Errorf("%s is mounted below %q", id, base)
		}
		name, top, err := d.asLower(id)
		if asLower := id == sharedID || additionalAsLower; err != nil || strings.HasPrefix(name, linkDir+"/") != asLower {
			t.Errorf("asLower(%s) = %q, %v", id, name, err)
		}
		if name == "" {
			top = filepath.Join(d.dir(id), "diff")
		}
		if st, err := os.Stat(top); err != nil || st.Mode().Perm() != mode {
			t.Errorf("the root of %s: %v, %v, want mode %v", id, st, err, mode)
		}
		d.unmounted(base)
	}
	if left := names(t, d.runhome); len(left) != 1 {
		t.Errorf("left in the run directory: %q", left)
	}

	// A copy of one's own takes nothing away from what stands on the other.
	if err := errors.Join(d.Create("container", "local", nil), d.Create(sharedID, "", nil)); err != nil {
		t.Fatal(err)
	}
	stack, err := d.remoteStack("container")
	if err != nil || len(stack) != 2 {
		t.Fatalf("stack %q, %v", stack, err)
	}
	for want, name := range []string{stack[0], stack[1]} {
		if layer, err := d.remoteLower(name); err != nil || (layer != nil) != (want == 1) {
			t.Errorf("remoteLower(%q) = %v, %v", name, layer, err)
		}
	}
	if layer, err := d.RemoteLayer(sharedID); layer != nil || err != nil {
		t.Errorf("one's own copy is remote: %v, %v", layer, err)
	}
	// A record of one's own comes first: a repository that moved.
	if err := errors.Join(d.Remove(sharedID), d.CreateRemote(sharedID, "", elsewhere)); err != nil {
		t.Fatal(err)
	}
	if layer, err := d.remoteLower(stack[1]); err != nil || layer == nil || layer.Path != elsewhere.Path {
		t.Errorf("remoteLower(%q) = %v, %v", stack[1], layer, err)
	}
	// Twice: then it is not there, and the other is none of ours to remove.
	if err := errors.Join(d.Remove(sharedID), d.Remove(sharedID)); err != nil {
		t.Fatal(err)
	}
	if layer, err := d.remoteLower(stack[1]); err != nil || layer == nil || *layer != remote {
		t.Errorf("remoteLower(%q) = %v, %v", stack[1], layer, err)
	}
	if layer, err := d.remoteLower(linkDir + "/" + goneID); !errors.Is(err, graphdriver.ErrLayerUnknown) {
		t.Errorf("a layer that no store has: %v, %v", layer, err)
	}
	if after := names(t, store); !slices.Equal(before, after) {
		t.Errorf("the additional store\nwas %q\nis  %q", before, after)
	}
}

// With an image store, what an image is made of is there.
func TestImageStore(t *testing.T) {
	d := storeDriver(t)
	contents := filepath.Join(t.TempDir(), d.name)
	d.imageStore = filepath.Dir(contents)
	records, mounts := d.homeDirForImageStore(), d.runhome
	if records == d.home { // in storage 1.51 the image store holds contents only
		d.imageStore, mounts = contents, contents
		d.options.imageStores = []string{filepath.Dir(contents)}
	}
	for _, err := range []error{
		d.Create("local", "", nil), os.Chmod(filepath.Join(contents, "local", "diff"), 0o751),
		d.CreateRemote(sharedID, "local", cvmfs.Layer{Path: remotePath}),
		d.Create("top", sharedID, nil), d.CreateReadWrite("container", sharedID, nil),
		d.Create("from", "local", nil), os.WriteFile(filepath.Join(contents, "from", "diff", "file"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"local", "top"} {
		if st, err := os.Stat(filepath.Join(contents, id, "diff")); err != nil || st.Mode().Perm() != 0o751 {
			t.Errorf("the root of %s: %v, %v", id, st, err)
		}
		if base := d.mountBase(id); base != filepath.Join(mounts, id) {
			t.Errorf("%s is mounted below %q", id, base)
		}
	}
	if base := d.mountBase(sharedID); base != filepath.Join(d.runhome, sharedID) {
		t.Errorf("a remote layer is mounted below %q", base)
	}
	if link, err := os.Readlink(filepath.Join(contents, sharedID, "diff")); link != remoteDiff {
		t.Errorf("where stock versions would make a remote layer's diff directory: %q, %v", link, err)
	}
	for id, parent := range map[string]string{"top": sharedID, "container": sharedID, sharedID: "local"} {
		if !d.isParent(id, parent) || d.isParent(id, "from") {
			t.Errorf("the parent of %s is not %s", id, parent)
		}
	}
	if err := d.MakeLocal(sharedID, "from"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"top", "container"} {
		lowers, err := d.getLowerDirs(id)
		want := []string{filepath.Join(contents, sharedID, "diff"), filepath.Join(contents, "local", "diff")}
		if err != nil || !slices.Equal(lowers, want) {
			t.Errorf("lowers of %s: %q, %v, want %q", id, lowers, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(records, linkDir, sharedID, "file")); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"container", "top", sharedID, "from", "local"} {
		if err := d.Remove(id); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range []string{d.home, contents} {
		left, err := filepath.Glob(dir + "/*")
		if links, err2 := filepath.Glob(dir + "/l/*"); err != nil || err2 != nil || len(links) > 0 || len(left) > 1 {
			t.Errorf("left in %s: %q %q", dir, left, links)
		}
	}
}
