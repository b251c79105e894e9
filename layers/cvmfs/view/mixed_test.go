package view

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// A view may hold ordinary layers between those of a repository: their
// whiteouts are overlayfs's, none of their names is a marker, and their owners
// are shown as they are mapped.
func TestServedMixed(t *testing.T) {
	ordinary := tree(t, ".wh.kept=name", ".cvmfscatalog", "!gone", "opq/new=1", "mine=1", "merged/high=1", "other=1")
	ordinary.Overlay, ordinary.Store = true, true
	above := tree(t, ".cvmfscatalog", ".wh.mine", "merged/top=2")
	below := tree(t, "gone=0", "opq/old=0", "merged/low=0", "kept=0")
	for name, owner := range map[string]int{"merged": 0, "merged/high": 1000, "other": 5000} {
		if err := os.Lchown(filepath.Join(ordinary.Path, name), owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Setxattr(filepath.Join(ordinary.Path, "opq"), "user.overlay.opaque", []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
	ids := []spec.Range{{From: 0, To: 1, Size: 1000}, {From: 1000, To: 0, Size: 1}}
	dir := stack(t, spec.Spec{Layers: []spec.Layer{above, ordinary, below}, UID: 1, GID: 1, UIDs: ids, GIDs: ids})
	want := map[string]uint32{
		".wh.kept": 10, ".cvmfscatalog": 10, "kept": 1, "merged": 1, "merged/high": 0, "merged/low": 1, "merged/top": 1,
		"opq": 10, "opq/new": 10, "other": 65534, ".": 1,
	}
	got := map[string]uint32{}
	for _, e := range walk(t, dir) {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, e), &st); err != nil {
			t.Fatal(err)
		}
		if got[e] = st.Uid; st.Gid != st.Uid {
			t.Errorf("%q belongs to %d:%d", e, st.Uid, st.Gid)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("names and owners\ngot  %v\nwant %v", got, want)
	}
}

// Layers of another account's store belong to nobody in a user namespace, which
// does not see what root's overlays mark as opaque, either: the spec says so.
func TestServedUnowned(t *testing.T) {
	unowned := tree(t, ".cvmfscatalog", "opq/new=1", "opq/inner/new=1", "merged/high=1")
	unowned.Overlay, unowned.Store, unowned.Unowned, unowned.Opaque = true, true, true, []string{"opq"}
	below := tree(t, "opq/old=0", "opq/inner/old=0", "merged/low=0")
	dir := stack(t, spec.Spec{Layers: []spec.Layer{unowned, below}, UID: 1, GID: 1, UIDs: []spec.Range{{From: 9, To: 5, Size: 1}}})
	want := []string{".", ".cvmfscatalog", "merged", "merged/high", "merged/low", "opq", "opq/inner", "opq/inner/new", "opq/new"}
	if got := walk(t, dir); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "opq/new"), &st); err != nil || st.Uid != 1 || st.Gid != 1 {
		t.Errorf("a file belongs to %d:%d, %v", st.Uid, st.Gid, err)
	}
}

// Under a mount program ordinary layers keep AUFS names, and no name of theirs
// marks a catalogue.
func TestServedMixedAUFS(t *testing.T) {
	ordinary := tree(t, ".cvmfscatalog", ".wh.gone", ".wh.again", "opq/.wh..wh..opq", "opq/new=1")
	ordinary.Store = true
	above := tree(t, ".cvmfscatalog", "again=2")
	below := tree(t, ".cvmfscatalog", ".cvmfsautocatalog", "gone=0", "again=0", "opq/old=0", "kept=0")
	ids := []spec.Range{{From: 0, To: 0, Size: 65536}}
	dir := stack(t, spec.Spec{Layers: []spec.Layer{above, ordinary, below}, UIDs: ids, GIDs: ids})
	want := []string{".", ".cvmfscatalog", "again", "kept", "opq", "opq/new"}
	if got := walk(t, dir); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var owned, lost unix.Stat_t
	if err := errors.Join(unix.Lstat(filepath.Join(dir, "opq/new"), &owned), unix.Lstat(filepath.Join(dir, "kept"), &lost)); err != nil {
		t.Fatal(err)
	}
	if owned.Uid != 9 || lost.Uid != 0 {
		t.Errorf("the ordinary layer's file belongs to %d, the repository's to %d", owned.Uid, lost.Uid)
	}
}

func walk(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return names
}

// Some tools write .wh.foo and foo/.wh.bar for "rm -r foo". A directory that
// holds anything else, or nothing, takes its whiteout's place.
func TestServedWhiteoutAndDirectory(t *testing.T) {
	dir := stack(t, spec.Spec{Layers: []spec.Layer{
		tree(t, ".wh.a", "a/.wh.x", "a/sub/.wh.y", ".wh.b", "b/.wh.x", "b/new=1", ".wh.c", "c/", ".wh.d", "d/sub/",
			".wh.e", "e/.wh.x", "e/.cvmfscatalog", ".wh.f", "f/.cvmfscatalog"),
		tree(t, "a/x=0", "a/sub/y=0", "a/other=0", "b/x=0", "b/other=0", "c/old=0", "d/old=0", "e/old=0", "f/old=0"),
	}})
	want := []string{"b/", "b/new=1", "b/other=0", "c/", "c/old=0", "d/", "d/old=0", "d/sub/", "f/", "f/old=0"}
	if got := sorted(show(t, dir)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// The extraction of a layer in a user namespace leaves devices out; whiteouts
// are no devices.
func TestServedNoDevices(t *testing.T) {
	upper, lower := tree(t, "!gone", "fifo/"), tree(t, "gone=0", "null=0", "disk=0")
	for name, kind := range map[string]uint32{"null": unix.S_IFCHR, "disk": unix.S_IFBLK, "pipe": unix.S_IFIFO, "socket": unix.S_IFSOCK} {
		if err := unix.Mknod(filepath.Join(upper.Path, name), kind|0o644, int(unix.Mkdev(1, 3))); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{".", "disk", "fifo", "null", "pipe", "socket"}
	for _, no := range []bool{false, true} { // left out, the files beneath show
		at := mountpoint(t)
		if err := serve(spec.Spec{Layers: []spec.Layer{upper, lower}, NoDevices: no}, at); err != nil {
			t.Fatal(err)
		}
		dir := at.Dir
		if got := walk(t, dir); !slices.Equal(got, want) {
			t.Errorf("without devices %v: got %q, want %q", no, got, want)
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, "null"), &st); err != nil || (st.Mode&unix.S_IFMT == unix.S_IFREG) != no {
			t.Errorf("without devices %v: null has mode %o, %v", no, st.Mode, err)
		}
		// Sockets have no place in a tar; a plain directory may have one all the same.
		if err := unix.Lstat(filepath.Join(dir, "socket"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
			t.Errorf("without devices %v: socket has mode %o, %v", no, st.Mode, err)
		}
	}
}

// Direct serves what cannot be a lower as it is, after the same checks.
func TestDirectServed(t *testing.T) {
	layer, odd := tree(t, "a=1", "!gone"), spec.Layer{Path: layerPath(filepath.Join(t.TempDir(), `a:b,c\:d`), "odd")}
	if err := errors.Join(os.MkdirAll(filepath.Dir(odd.Path), 0o755), os.Rename(tree(t, "a=1").Path, odd.Path)); err != nil {
		t.Fatal(err)
	}
	ids := []spec.Range{{From: 0, To: 0, Size: 8}, {From: 9, To: 0, Size: 1}}
	for name, c := range map[string]struct {
		spec   spec.Spec
		served bool
	}{
		"as it is":    {spec.Spec{Layers: []spec.Layer{layer}}, false},
		"mapped":      {spec.Spec{Layers: []spec.Layer{layer}, UIDs: ids, GIDs: ids}, true},
		"twice":       {spec.Spec{Layers: []spec.Layer{layer, layer}, UIDs: ids, GIDs: ids}, true},
		"an odd name": {spec.Spec{Layers: []spec.Layer{odd}, UID: 9}, true},
		"twice as is": {spec.Spec{Layers: []spec.Layer{layer, layer}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Direct.Serves(c.spec); got != c.served {
				t.Fatalf("served: %v", got)
			}
			at := mountpoint(t)
			lowers, err := Direct.Stack(c.spec, at)
			if err != nil {
				t.Fatal(err)
			}
			if (lowers[0] == at.Dir) != c.served {
				t.Errorf("lowers %q", lowers)
			}
			var st unix.Stat_t
			if err := unix.Lstat(filepath.Join(lowers[0], "a"), &st); err != nil || (st.Uid == 0) != (c.spec.UIDs != nil) {
				t.Errorf("owner %d, %v", st.Uid, err)
			}
		})
	}
	marked := tree(t, "a=1", ".wh.b")
	if _, err := Direct.Stack(spec.Spec{Layers: []spec.Layer{marked}, UIDs: ids, GIDs: ids}, mountpoint(t)); err == nil {
		t.Error("a layer with a marker was taken")
	}
}
