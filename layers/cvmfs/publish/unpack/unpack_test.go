package unpack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

var dir, file, symlink, link = imagetest.Dir, imagetest.File, imagetest.Symlink, imagetest.Link

func node(name string, kind byte, mode, major, minor int64) tar.Header {
	return tar.Header{Name: name, Typeflag: kind, Mode: mode, Devmajor: major, Devminor: minor}
}

// layout is one tar and the tree that it has to give, without the layer's own
// directory and catalogue marker.
type layout struct {
	name string
	tar  []tar.Header
	want []string
}

var layouts = []layout{
	{"whiteouts stay plain files", []tar.Header{
		dir("etc", 0o755), file("etc/.wh.gone", 0o600), file("etc/.wh..wh..opq", 0o444), dir(".wh..wh.plnk", 0o700), file(".wh..wh.plnk/1.2", 0),
	}, []string{
		"d0700 .wh..wh.plnk", "-0000 .wh..wh.plnk/1.2", "d0755 etc", "-0444 etc/.wh..wh..opq", "-0600 etc/.wh.gone",
	}},
	{"all mode bits are kept", []tar.Header{
		dir("tmp", 0o1777), dir("mail", 0o2775), file("su", 0o4755), file("wall", 0o2755), file("sticky", 0o1644), file("none", 0),
	}, []string{
		"d2775 mail", "-0000 none", "-1644 sticky", "-4755 su", "d1777 tmp", "-2755 wall",
	}},
	{"missing parents are made", []tar.Header{file("a/b/c", 0o644)}, []string{
		"d0755 a", "d0755 a/b", "-0644 a/b/c",
	}},
	{"a directory after its children", []tar.Header{
		file("a/b/c", 0o644), dir("a/b", 0), dir("a", 0o500),
	}, []string{
		"d0500 a", "d0000 a/b", "-0644 a/b/c",
	}},
	{"directories that deny their owner", []tar.Header{
		dir("zero", 0), file("zero/f", 0o644), dir("ro", 0o500), file("ro/f", 0o644), dir("ro/sub", 0o100), file("ro/sub/g", 0), dir("zero/deep", 0o700),
	}, []string{
		"d0500 ro", "-0644 ro/f", "d0100 ro/sub", "-0000 ro/sub/g", "d0000 zero", "d0700 zero/deep", "-0644 zero/f",
	}},
	{"later entries replace earlier ones", []tar.Header{
		file("f", 0o644), file("f", 0o600),
		dir("d", 0o755), file("d/x", 0o644), file("d", 0o640),
		file("e", 0o644), dir("e", 0o711), file("e/y", 0o644),
		symlink("l", "e"), dir("l", 0o755), file("l/z", 0o644),
		dir("m", 0o700), dir("m/n", 0o700), symlink("m", "elsewhere"),
	}, []string{
		"-0640 d", "d0711 e", "-0644 e/y", "-0600 f", "d0755 l", "-0644 l/z", "l0777 m -> elsewhere",
	}},
	{"a directory that comes back has its own mode", []tar.Header{
		dir("d", 0o700), dir("d/e", 0o711), symlink("d", "x"), file("d", 0o644), dir("d", 0o750), file("d/e/f", 0o644),
	}, []string{
		"d0750 d", "d0755 d/e", "-0644 d/e/f",
	}},
	{"directories are merged", []tar.Header{
		dir("d", 0o755), file("d/x", 0o644), dir("d", 0o711), file("d/y", 0o644),
	}, []string{
		"d0711 d", "-0644 d/x", "-0644 d/y",
	}},
	{"symlinks are raw", []tar.Header{
		symlink("abs", "/etc/passwd"), symlink("up", "../../.."), symlink("var", "$(HOME)/x"), symlink("dangling", "no where\n"),
	}, []string{
		"l0777 abs -> /etc/passwd", "l0777 dangling -> no where\n", "l0777 up -> ../../..", "l0777 var -> $(HOME)/x",
	}},
	{"odd names", []tar.Header{
		file("new\nline", 0o644), file("bad\xff\xfeutf8", 0o644), file("tab\tand space", 0o644), file(strings.Repeat("n", 255), 0o644), file(`back\slash`, 0o644),
	}, []string{
		`-0644 back\slash`, "-0644 bad\xff\xfeutf8", "-0644 new\nline", "-0644 " + strings.Repeat("n", 255), "-0644 tab\tand space",
	}},
	{"names in other spellings", []tar.Header{
		dir("./", 0o755), file("./a", 0o644), file("/b", 0o644), file("c//d", 0o644), file("e/../f", 0o644), dir("g/", 0o700),
	}, []string{
		"-0644 a", "-0644 b", "d0755 c", "-0644 c/d", "-0644 f", "d0700 g",
	}},
	{"hard links and FIFOs", []tar.Header{
		dir("d", 0o755), file("d/a", 0o644), link("b", "d/a"), symlink("s", "d/a"), link("t", "s"), node("pipe", tar.TypeFifo, 0o620, 0, 0),
	}, []string{
		"-0644 b", "d0755 d", "-0644 d/a", "p0620 pipe", "l0777 s -> d/a", "l0777 t -> d/a",
	}},
	{"a 0:0 character device stays one", []tar.Header{node("gone", tar.TypeChar, 0, 0, 0)}, []string{"c0000 gone 0:0"}},
	{"global headers say nothing", []tar.Header{
		{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, file("f", 0o644),
	}, []string{"-0644 f"}},
}

// unpackInto runs Tar and gives what is in the directory.
func unpackInto(t *testing.T, data []byte) (root string, o unpack.Omissions, err error) {
	t.Helper()
	root = filepath.Join(imagetest.TempDir(t), "layerfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	o, err = unpack.Tar(context.Background(), bytes.NewReader(data), root)
	return root, o, err
}

const other = 54321

// asUser runs f with no more rights to files than a plain user has.
func asUser(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := func(id int) {
		if _, err := unix.SetfsgidRetGid(id); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.SetfsuidRetUid(id); err != nil {
			t.Fatal(err)
		}
	}
	set(other)
	defer set(0)
	f()
}

func check(t *testing.T, root string, want []string) {
	t.Helper()
	got := slices.DeleteFunc(imagetest.Tree(t, root), func(s string) bool {
		return strings.HasSuffix(s, "0755 .") || s == "-0664 .cvmfscatalog"
	})
	if !slices.Equal(got, want) {
		t.Errorf("tree is\n%q\nwant\n%q", got, want)
	}
}

func TestTar(t *testing.T) {
	for _, tc := range layouts {
		t.Run(tc.name, func(t *testing.T) {
			root, o, err := unpackInto(t, imagetest.Tar(t, tc.tar...))
			if err != nil {
				t.Fatal(err)
			}
			if o != (unpack.Omissions{}) {
				t.Errorf("omissions %+v", o)
			}
			check(t, root, tc.want)
		})
		t.Run(tc.name+", as a plain user", func(t *testing.T) {
			root := userDir(t)
			data := imagetest.Tar(t, tc.tar...)
			asUser(t, func() {
				if _, err := unpack.Tar(context.Background(), bytes.NewReader(data), root); err != nil {
					t.Fatal(err)
				}
			})
			check(t, root, tc.want)
		})
	}
}

// userDir is an empty directory of the plain user's.
func userDir(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "unpack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		filepath.WalkDir(path, func(p string, d os.DirEntry, _ error) error {
			if d != nil && d.IsDir() {
				return os.Chmod(p, 0o700)
			}
			return nil
		})
		os.RemoveAll(path)
	})
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, other, other); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestOneOwner(t *testing.T) {
	root, _, err := unpackInto(t, imagetest.Tar(t, dir("d", 0o755), file("d/f", 0o644), symlink("l", "f")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "d/f", "l", ".cvmfscatalog"} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, name), &st); err != nil {
			t.Fatal(err)
		}
		if int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
}

func TestTimes(t *testing.T) {
	fraction := time.Date(2020, 1, 2, 3, 4, 5, 987654321, time.UTC)
	h := func(h tar.Header) tar.Header {
		h.ModTime, h.Format = fraction, tar.FormatPAX
		return h
	}
	root, _, err := unpackInto(t, imagetest.Tar(t,
		h(dir(".", 0o711)), h(dir("d", 0o755)), h(file("d/f", 0o644)), h(symlink("l", "f")), file("made/g", 0o644)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{
		".": fraction.Truncate(time.Second), "d": fraction.Truncate(time.Second), "d/f": fraction.Truncate(time.Second),
		"l": fraction.Truncate(time.Second), "made": time.Unix(0, 0), "made/g": imagetest.Time, ".cvmfscatalog": time.Unix(0, 0),
	}
	for name, mtime := range want {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if !info.ModTime().Equal(mtime) {
			t.Errorf("%s has time %s, want %s", name, info.ModTime().UTC(), mtime)
		}
	}
	info, err := os.Stat(root)
	if err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the root has mode %v, error %v; want 0711", info.Mode(), err)
	}
}
