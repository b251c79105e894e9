//go:build linux

package overlay

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"go.podman.io/storage/pkg/idtools"
	"golang.org/x/sys/unix"
)

// FuzzRemoteRecord: whatever a "link" file holds, there is an error, no remote layer,
// or one whose path, which it begins with, names a layer of a repository.
func FuzzRemoteRecord(f *testing.F) {
	f.Add([]byte(remotePath + "\n" + `{"mode":365,"diff-size":12345,"catalog-hash":"bb"}`))
	f.Add([]byte("/etc\n{}"))
	f.Add([]byte(remotePath + "/..\n{}"))
	f.Add([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	f.Add([]byte(remotePath + "\n\n" + `{"Path":"/etc","path":"/"}`))
	f.Add([]byte(remotePath + "\n[]"))
	f.Add([]byte(remotePath))
	f.Fuzz(func(t *testing.T, link []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "link"), link, 0o644); err != nil {
			t.Fatal(err)
		}
		layer, err := remoteLayer(dir)
		if err != nil || layer == nil {
			if err == nil && isRemoteLink(link) {
				t.Errorf("%q: taken for an ordinary layer", link)
			}
			return
		}
		if _, _, err := cvmfs.SplitLayerPath(layer.Path); err != nil || !strings.HasPrefix(string(link), layer.Path+"\n") {
			t.Errorf("%q: %+v, %v", link, layer, err)
		}
	})
}

// FuzzRemoteLower: whatever a "lower" file holds, a name in it is a remote layer only
// if the layer with that ID is one.
func FuzzRemoteLower(f *testing.F) {
	f.Add("l/" + remoteHex + ":l/ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	f.Add("l/../../../etc:" + remoteHex + "::l/" + remoteHex + "/")
	f.Add("l/" + strings.Repeat("0", layerIDLength) + ":\x00:l/base")
	d := &Driver{name: "overlay", home: f.TempDir(), runhome: f.TempDir()}
	if err := os.Mkdir(filepath.Join(d.home, linkDir), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := d.CreateRemote(remoteHex, "", cvmfs.Layer{Path: remotePath}); err != nil {
		f.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.home, "top"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, lower string) {
		if err := os.WriteFile(filepath.Join(d.home, "top", lowerFile), []byte(lower), 0o644); err != nil {
			t.Fatal(err)
		}
		stack, err := d.remoteStack("top")
		if err != nil || strings.Join(stack, ":") != lower {
			t.Fatalf("%q became %q, %v", lower, stack, err)
		}
		for _, name := range stack {
			layer, err := d.remoteLower(name)
			if layer != nil && (err != nil || layer.Path != remotePath || filepath.Base(name) != remoteHex) {
				t.Errorf("%q is %+v, %v", name, layer, err)
			}
		}
	})
}

// FuzzRemoteOwner: whatever is said of owners, it is read or refused, naming the file.
func FuzzRemoteOwner(f *testing.F) {
	f.Add([]byte(`{"uid":1,"gid":2,"uids":[{"from":0,"to":1,"size":65536}]}`))
	f.Add([]byte(`{"uid":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, owner []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ownerFile), owner, 0o644); err != nil {
			t.Fatal(err)
		}
		v := &views{}
		if err := v.readOwner(dir); err != nil {
			if v.mapped || !strings.Contains(err.Error(), dir) {
				t.Errorf("%q: mapped %v, %v", owner, v.mapped, err)
			}
			return
		}
		if !v.mapped || v.mappedFrom != 0 {
			t.Errorf("%q: not mapped", owner)
		}
	})
}

// Ranges that containers have are never longer than what is read.
func TestRemoteOwnerFits(t *testing.T) {
	d := testDriver(t)
	if err := d.CreateRemote("base", "", cvmfs.Layer{Path: remotePath}); err != nil {
		t.Fatal(err)
	}
	var maps []idtools.IDMap
	for i := 0; i < 340; i++ { // as many as a user namespace takes (user_namespaces(7))
		maps = append(maps, idtools.IDMap{ContainerID: 4000000000 + 2*i, HostID: 4000000000 + 2*i, Size: 1})
	}
	maps[0].ContainerID, maps[0].HostID = 0, os.Getuid()
	dir := filepath.Join(d.home, "top")
	if err := os.MkdirAll(filepath.Join(dir, "diff"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, lowerFile), []byte("l/base"), 0o644); err != nil {
		t.Fatal(err)
	}
	mapped, err := d.mapRemote("top", filepath.Join(dir, "diff"), nil, idtools.NewIDMappingsFromMaps(maps, maps))
	if err != nil || !mapped {
		t.Fatalf("mapped: %v, %v", mapped, err)
	}
	v := &views{}
	if err := v.readOwner(dir); err != nil || len(v.owner.UIDs) != len(maps) {
		t.Errorf("%d ranges, %v", len(v.owner.UIDs), err)
	}
}

// What another account has put in the place of a record neither holds anybody up
// nor is read without end.
func TestRemoteRecordOdd(t *testing.T) {
	for name, put := range map[string]func(file string) error{
		"a FIFO":         func(file string) error { return unix.Mkfifo(file, 0o644) },
		"a link":         func(file string) error { return os.Symlink("/etc/passwd", file) },
		"an endless one": func(file string) error { return os.Symlink("/dev/zero", file) },
		"a directory":    func(file string) error { return os.Mkdir(file, 0o755) },
		"a huge file":    func(file string) error { return os.WriteFile(file, make([]byte, maxRecord+1), 0o644) },
	} {
		dir := t.TempDir()
		if err := put(filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if layer, err := remoteLayer(dir); err == nil || !strings.Contains(err.Error(), "link") {
			t.Errorf("%s: %+v, %v", name, layer, err)
		}
	}
}
