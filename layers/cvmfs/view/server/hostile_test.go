package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// viewOf makes a view of layers, given by their paths.
func viewOf(t *testing.T, paths ...string) *View {
	t.Helper()
	s := spec.Spec{}
	for _, path := range paths {
		s.Layers = append(s.Layers, spec.Layer{Path: path})
	}
	v, err := New(s, 16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup((&subject{View: v}).close)
	return v
}

// layerDirectory makes an empty layer directory.
func layerDirectory(t *testing.T, name string) string {
	t.Helper()
	dir, err := cvmfs.LayerDir(digest.FromString(name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), dir, cvmfs.LayerFS)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// lookUp gives what a look-up in a directory says.
func lookUp(v *View, id uint64, name string) (fuse.EntryOut, fuse.Status) {
	var out fuse.EntryOut
	got := v.Lookup(nil, &fuse.InHeader{NodeId: id}, name, &out)
	return out, got
}

func readFile(v *View, id uint64) (string, fuse.Status) {
	result, got := v.Read(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}, Size: 1 << 16}, make([]byte, 1<<16))
	if got != fuse.OK {
		return "", got
	}
	text, _ := result.Bytes(nil)
	return string(text), got
}

// What a repository says once is compared with what it says next: an error, and
// not something that nobody has merged.
func TestLies(t *testing.T) {
	denied := file("x")
	denied.denied = fuse.EACCES
	missing := file("x")
	missing.denied = fuse.ENOENT
	large, small := file("0123456789"), file("0123456789")
	large.size, small.size = 1<<40, 4
	listedAs := func(kind uint32, l *lie) *lie { l.listed = kind; return l }
	for name, c := range map[string]struct {
		lie    *lie
		lookup fuse.Status
		read   fuse.Status
		text   string
	}{
		"as it is":                          {file("text"), fuse.OK, fuse.OK, "text"},
		"of no type":                        {listedAs(0o17<<12, file("text")), fuse.EIO, 0, ""}, // go-fuse has no DT_UNKNOWN
		"a directory, listed as a file":     {listedAs(unix.S_IFREG, directory(nil)), fuse.EIO, 0, ""},
		"a file, listed as a directory":     {listedAs(unix.S_IFDIR, file("text")), fuse.EIO, 0, ""},
		"a device, listed as a file":        {listedAs(unix.S_IFREG, &lie{mode: unix.S_IFCHR | 0o666}), fuse.EIO, 0, ""},
		"a link, listed as a directory":     {listedAs(unix.S_IFDIR, &lie{mode: unix.S_IFLNK | 0o777, text: "/"}), fuse.EIO, 0, ""},
		"a FIFO, listed as a file":          {listedAs(unix.S_IFREG, &lie{mode: unix.S_IFIFO | 0o666}), fuse.EIO, 0, ""},
		"listed, and not to be looked up":   {denied, fuse.EACCES, 0, ""},
		"listed, and not there":             {missing, fuse.EIO, 0, ""},
		"shorter than it says":              {large, fuse.OK, fuse.EIO, ""},
		"longer than it says":               {small, fuse.OK, fuse.OK, "0123"},
		"a link to nothing, with a NUL":     {&lie{mode: unix.S_IFLNK | 0o777, text: "a\x00b"}, fuse.EIO, 0, ""},
		"a link that is too long by a page": {&lie{mode: unix.S_IFLNK | 0o777, text: strings.Repeat("x", unix.PathMax+1)}, fuse.EIO, 0, ""},
		"a directory that holds itself":     {&lie{mode: unix.S_IFDIR | 0o755, endless: true}, fuse.OK, fuse.EIO, ""},
		"a file, listed as a device":        {listedAs(unix.S_IFCHR, file("text")), fuse.OK, fuse.OK, "text"}, // was looked at
	} {
		t.Run(name, func(t *testing.T) {
			v := viewOf(t, serveLies(t, directory(map[string]*lie{"name": c.lie, "other": file("fine")})))
			out, got := lookUp(v, fuse.FUSE_ROOT_ID, "name")
			if got != c.lookup {
				t.Fatalf("looked up: %v, want %v", got, c.lookup)
			}
			if got == fuse.OK {
				if text, got := readFile(v, out.NodeId); got != c.read || text != c.text {
					t.Errorf("read: %q, %v, want %q, %v", text, got, c.text, c.read)
				}
			}
			other, _ := lookUp(v, fuse.FUSE_ROOT_ID, "other")
			if text, got := readFile(v, other.NodeId); got != fuse.OK || text != "fine" {
				t.Errorf("the file beside it: %q, %v", text, got)
			}
		})
	}
}

// Directories without end are as deep as somebody looks. Where the view itself
// must look, because a whiteout stands beside such a directory, it gives up.
func TestEndless(t *testing.T) {
	endless := &lie{mode: unix.S_IFDIR | 0o755, endless: true}
	v := viewOf(t, serveLies(t, directory(map[string]*lie{
		"deep":  endless,
		"trap":  directory(map[string]*lie{".wh.d": file(""), "d": {mode: unix.S_IFDIR | 0o755, endless: true, children: map[string]*lie{".wh.x": file("")}}}),
		"plain": file("fine"),
	})))
	before := openFiles(t)
	id := uint64(fuse.FUSE_ROOT_ID)
	name := "deep"
	for depth := range 3000 {
		out, got := lookUp(v, id, name)
		if got != fuse.OK || out.NodeId == 0 {
			t.Fatalf("%d deep: node %d, %v", depth, out.NodeId, got)
		}
		id, name = out.NodeId, "again"
	}
	trap, _ := lookUp(v, fuse.FUSE_ROOT_ID, "trap")
	if out, got := lookUp(v, trap.NodeId, "d"); got != fuse.EIO {
		t.Errorf("in the trap: node %d, %v", out.NodeId, got)
	}
	if after := openFiles(t); after > before+16 {
		t.Errorf("%d descriptors were open, %d are", before, after)
	}
}

// What a name stands for is changed after it was looked up: nothing outside is
// reached, nothing waits, and nothing but a regular file is opened.
func TestReplaced(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644))
	layer := layerDirectory(t, "layer")
	at := func(name string) string { return filepath.Join(layer, name) }
	for name, replace := range map[string]func(path string) error{
		"a link out of the tree": func(path string) error { return os.Symlink(filepath.Join(outside, "secret"), path) },
		"a link inside":          func(path string) error { return os.Symlink("other", path) },
		"a FIFO":                 func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a socket":               func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o644, 0) },
		"a directory":            func(path string) error { return os.Mkdir(path, 0o755) },
		"nothing":                func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.RemoveAll(at("f")), os.RemoveAll(at("d")), os.RemoveAll(at("other")), os.Mkdir(at("d"), 0o755),
				os.WriteFile(at("f"), []byte("text"), 0o644), os.WriteFile(at("d/secret"), []byte("mine"), 0o644))
			v := viewOf(t, layer)
			f, _ := lookUp(v, fuse.FUSE_ROOT_ID, "f")
			d, _ := lookUp(v, fuse.FUSE_ROOT_ID, "d")
			must(t, os.Remove(at("f")), replace(at("f")), os.RemoveAll(at("d")))
			if name != "a directory" {
				must(t, os.Symlink(outside, at("d")))
			}
			if text, got := readFile(v, f.NodeId); got != fuse.EIO {
				t.Errorf("read %q, %v", text, got)
			}
			if out, got := lookUp(v, d.NodeId, "secret"); got != fuse.EIO {
				t.Errorf("in the directory: node %d, %v", out.NodeId, got)
			}
		})
	}
}

// A layer that is laid out again with other files is not read any more as soon as
// the question is due, but for files that are open.
func TestRepublished(t *testing.T) {
	layer := layerDirectory(t, "layer")
	catalog := func(hash string) error {
		return unix.Setxattr(layer, "user.catalog_counters", []byte("catalog_hash: "+hash+"\n"), 0)
	}
	must(t, os.WriteFile(filepath.Join(layer, "read"), []byte("old"), 0o644),
		os.WriteFile(filepath.Join(layer, "unread"), []byte("old"), 0o644), catalog("aa"))
	v, err := New(spec.Spec{Layers: []spec.Layer{{Path: layer, CatalogHash: "aa"}}}, 16)
	must(t, err)
	t.Cleanup((&subject{View: v}).close)
	read, _ := lookUp(v, fuse.FUSE_ROOT_ID, "read")
	unread, _ := lookUp(v, fuse.FUSE_ROOT_ID, "unread")
	if text, got := readFile(v, read.NodeId); text != "old" {
		t.Fatalf("%q, %v", text, got)
	}
	must(t, os.Remove(filepath.Join(layer, "unread")), os.WriteFile(filepath.Join(layer, "unread"), []byte("new"), 0o644), catalog("bb"))
	time.Sleep(verifyFileEvery)
	if text, got := readFile(v, unread.NodeId); got != fuse.EIO {
		t.Errorf("what was not open: %q, %v", text, got)
	}
	if text, got := readFile(v, read.NodeId); text != "old" {
		t.Errorf("what was open: %q, %v", text, got)
	}
	must(t, catalog("aa"))
	if text, got := readFile(v, unread.NodeId); text != "new" {
		t.Errorf("put right: %q, %v", text, got)
	}
}

// A file that is cut while it is read ends with an error, not with zeros.
func TestTruncated(t *testing.T) {
	layer := layerDirectory(t, "layer")
	path := filepath.Join(layer, "f")
	must(t, os.WriteFile(path, []byte("0123456789"), 0o644))
	v := viewOf(t, layer)
	f, _ := lookUp(v, fuse.FUSE_ROOT_ID, "f")
	if text, got := readFile(v, f.NodeId); text != "0123456789" {
		t.Fatalf("%q, %v", text, got)
	}
	must(t, os.Truncate(path, 3))
	if text, got := readFile(v, f.NodeId); got != fuse.EIO {
		t.Errorf("cut: %q, %v", text, got)
	}
	must(t, os.WriteFile(path, []byte("0123456789 and more"), 0o644))
	if text, got := readFile(v, f.NodeId); text != "0123456789" {
		t.Errorf("grown: %q, %v", text, got)
	}
}

// A directory of 100,000 names takes memory for its names, and no more for each
// time that somebody lists it.
func TestHuge(t *testing.T) {
	const count = 100_000
	names := map[string]*lie{}
	for i := range count {
		names[fmt.Sprintf("%020d", i)] = file("")
	}
	v := viewOf(t, serveLies(t, directory(names)))
	before := heap()
	buf := make([]byte, 1<<16)
	for range 3 {
		listed := 0
		for offset := uint64(0); ; {
			list := fuse.NewDirEntryList(buf, offset)
			if got := v.ReadDir(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID}, Offset: offset}, list); got != fuse.OK {
				t.Fatal(got)
			}
			if len(list.Bytes()) == 0 {
				break
			}
			entries, err := fuse.ParseDirEntries(list.Bytes())
			must(t, err)
			listed, offset = listed+len(entries), entries[len(entries)-1].Off
		}
		if listed != count+2 {
			t.Errorf("%d names, want %d", listed, count+2)
		}
	}
	if took := heap() - before; took > 50<<20 { // the liar's own listing is among it
		t.Errorf("%d names take %d bytes", count, took)
	}
	runtime.KeepAlive(v)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
