package unpack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

// TestHostile unpacks tars that reach for what is outside. Whatever becomes of
// an entry, the neighbours of the layer's directory stay as they were.
func TestHostile(t *testing.T) {
	for _, tc := range []struct {
		name string
		tar  []tar.Header
		bad  string   // the entry that the error has to name; "" if there is none
		want []string // the tree, if there is no error
	}{
		{"a name with ..", []tar.Header{file("../out", 0o644)}, "../out", nil},
		{"a name with .. inside", []tar.Header{dir("a", 0o755), file("a/../../out", 0o644)}, "a/../../out", nil},
		{"just ..", []tar.Header{dir("..", 0o777)}, "..", nil},
		{"an absolute name", []tar.Header{file("/etc/out", 0o644)}, "", []string{"d0755 etc", "-0644 etc/out"}},
		{"an absolute name with ..", []tar.Header{file("/../../etc/out", 0o644)}, "", []string{"d0755 etc", "-0644 etc/out"}},
		{
			"a parent that is an absolute symlink",
			[]tar.Header{symlink("l", "/etc"), file("l/out", 0o644)},
			"",
			[]string{"d0755 etc", "-0644 etc/out", "l0777 l -> /etc"},
		},
		{
			"a parent that climbs",
			[]tar.Header{symlink("l", "../../neighbour"), file("l/out", 0o644)},
			"",
			[]string{"l0777 l -> ../../neighbour", "d0755 neighbour", "-0644 neighbour/out"},
		},
		{
			"a chain of symlinks",
			[]tar.Header{dir("d", 0o755), symlink("d/up", ".."), symlink("m", "d/up/.."), file("m/out", 0o644)},
			"",
			[]string{"d0755 d", "l0777 d/up -> ..", "l0777 m -> d/up/..", "-0644 out"},
		},
		{"a symlink replaced by a file", []tar.Header{symlink("l", "../neighbour/precious"), file("l", 0o644)}, "", []string{"-0644 l"}},
		{"a symlink named as a directory", []tar.Header{symlink("l", "../neighbour"), dir("l", 0o777)}, "", []string{"d0777 l"}},
		{"a symlink removed with a directory", []tar.Header{dir("d", 0o755), symlink("d/l", "../../neighbour"), file("d", 0o644)}, "", []string{"-0644 d"}},
		{
			"a cached parent that becomes a symlink",
			[]tar.Header{dir("d", 0o755), file("d/a", 0o644), symlink("d", "../neighbour"), file("d/out", 0o644)},
			"",
			[]string{"l0777 d -> ../neighbour", "d0755 neighbour", "-0644 neighbour/out"},
		},
		{"a cached parent that replaces itself", []tar.Header{dir("d", 0o755), symlink("d/l", "."), file("d/l/l", 0o644), file("d/l/x", 0o644)}, "d/l/x", nil},
		{"a hard link to ..", []tar.Header{link("h", "../neighbour/precious")}, "h", nil},
		{"a hard link to an absolute name", []tar.Header{link("h", "/neighbour/precious")}, "h", nil},
		{"a hard link through a symlink", []tar.Header{symlink("l", "../neighbour"), link("h", "l/precious")}, "h", nil},
		{
			"a hard link to a symlink",
			[]tar.Header{symlink("l", "../neighbour/precious"), link("h", "l")},
			"",
			[]string{"l0777 h -> ../neighbour/precious", "l0777 l -> ../neighbour/precious"},
		},
		{"a hard link to itself", []tar.Header{file("f", 0o644), link("f", "f")}, "f", nil},
		{"a hard link to a directory", []tar.Header{dir("d", 0o755), link("h", "d")}, "h", nil},
		{"a parent that is a file", []tar.Header{file("f", 0o644), file("f/x", 0o644)}, "f/x", nil},
		{"a loop of symlinks", []tar.Header{symlink("a", "b"), symlink("b", "a"), file("a/x", 0o644)}, "a/x", nil},
		{"a file as the root", []tar.Header{file(".", 0o644)}, ".", nil},
		{"a symlink as the root", []tar.Header{symlink("./", "/etc")}, "./", nil},
		{"a symlink to nothing", []tar.Header{symlink("l", "")}, "l", nil},
		{"a name too long", []tar.Header{file(strings.Repeat("n", 256), 0o644)}, strings.Repeat("n", 256), nil},
		{"an unknown type", []tar.Header{{Name: "odd", Typeflag: 'Z', Mode: 0o644}}, "odd", nil},
		{"a whiteout that is a link out of the layer", []tar.Header{link(".wh.x", "../neighbour/precious")}, "", []string{"-0644 .wh.x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			outside := imagetest.TempDir(t)
			neighbour := filepath.Join(outside, "neighbour")
			root := filepath.Join(outside, "layerfs")
			for _, path := range []string{root, neighbour} {
				if err := os.Mkdir(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(neighbour, "precious"), []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			before := imagetest.Tree(t, neighbour)

			_, err := unpack.Tar(context.Background(), bytes.NewReader(imagetest.Tar(t, tc.tar...)), root)
			switch {
			case tc.bad == "" && err != nil:
				t.Errorf("error %v", err)
			case tc.bad != "" && err == nil:
				t.Errorf("no error; tree %q", imagetest.Tree(t, root))
			case tc.bad != "" && !strings.Contains(err.Error(), `unpacking "`+tc.bad+`"`):
				t.Errorf("error %q does not name %q", err, tc.bad)
			case tc.bad == "":
				check(t, root, tc.want)
			}
			if after := imagetest.Tree(t, neighbour); !slices.Equal(before, after) {
				t.Errorf("the neighbour has changed: %q", after)
			}
			precious, err := os.ReadFile(filepath.Join(neighbour, "precious"))
			if err != nil || string(precious) != "precious" {
				t.Errorf("the neighbour's file is %q, error %v", precious, err)
			}
			if entries, err := os.ReadDir(outside); err != nil || len(entries) != 2 {
				t.Errorf("outside there are %v, error %v", entries, err)
			}
		})
	}
}

func TestContents(t *testing.T) {
	own := tar.Header{
		Name: "caps", Typeflag: tar.TypeReg, Mode: 0o755, Size: 4, Format: tar.FormatPAX,
		PAXRecords: map[string]string{"SCHILY.xattr.user.note": "x", "SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	}
	root, _, err := unpackInto(t, imagetest.Tar(t, file("a", 0o644), own, link("hard", "a"), file(".wh.b", 0o644)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "a", "hard": "a", "caps": "caps", ".cvmfscatalog": ""} {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(got) != want {
			t.Errorf("%s is %q, error %v; want %q", name, got, err, want)
		}
	}
	a, errA := os.Stat(filepath.Join(root, "a"))
	hard, errHard := os.Stat(filepath.Join(root, "hard"))
	if errA != nil || errHard != nil || !os.SameFile(a, hard) {
		t.Errorf("a hard link is another file: %v, %v", errA, errHard)
	}
	n, err := unix.Llistxattr(filepath.Join(root, "caps"), nil)
	if err != nil || n != 0 {
		t.Errorf("the file has %d bytes of attribute names, error %v", n, err)
	}
}

func TestSparse(t *testing.T) {
	want := make([]byte, 3000001)
	copy(want, "start")
	copy(want[1<<20:], "middle")
	want = append(want, "end"...)
	for _, name := range []string{"gnu", "pax"} {
		t.Run(name, func(t *testing.T) {
			packed, err := os.Open(filepath.Join("testdata", "sparse-"+name+".tar.gz"))
			if err != nil {
				t.Fatal(err)
			}
			defer packed.Close()
			r, err := gzip.NewReader(packed)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			root, _, err := unpackInto(t, data)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root, "sparse"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("content differs, error %v", err)
			}
			var st unix.Stat_t
			if err := unix.Stat(filepath.Join(root, "sparse"), &st); err != nil {
				t.Fatal(err)
			}
			if st.Blocks*512 > 1<<20 {
				t.Errorf("the file takes %d bytes: its holes are filled", st.Blocks*512)
			}
		})
	}
}

// TestAlignment writes contents whose ends and blocks of zeros fall on either
// side of the buffer's and the block's size.
func TestAlignment(t *testing.T) {
	for _, size := range []int{1, 4095, 4096, 4097, 256<<10 - 1, 256 << 10, 256<<10 + 1, 600_000} {
		for _, content := range [][]byte{
			bytes.Repeat([]byte{0}, size),
			bytes.Repeat([]byte("x"), size),
			append(bytes.Repeat([]byte{0}, size-1), 'x'),
			append([]byte("x"), bytes.Repeat([]byte{0}, size-1)...),
		} {
			var data bytes.Buffer
			w := tar.NewWriter(&data)
			if err := w.WriteHeader(&tar.Header{Name: "f", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size)}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			root, _, err := unpackInto(t, data.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root, "f"))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes: content differs, error %v", size, err)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	data := imagetest.Tar(t, file("a", 0o644), tar.Header{Name: "b", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1})
	for _, n := range []int{512, 1100, 1024 + 512} {
		if _, _, err := unpackInto(t, data[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a tar of %d bytes gives error %v", n, err)
		}
	}
}

// TestDevices has what a plain user may not create; a user namespace's root
// may neither.
func TestDevices(t *testing.T) {
	data := imagetest.Tar(t, node("null", tar.TypeChar, 0o666, 1, 3), node("disk", tar.TypeBlock, 0o660, 8, 0),
		link("zero", "null"), node("gone", tar.TypeChar, 0o600, 0, 0), file("f", 0o644))
	t.Run("plain user", func(t *testing.T) {
		root := userDir(t)
		var o unpack.Omissions
		var err error
		asUser(t, func() { o, err = unpack.Tar(context.Background(), bytes.NewReader(data), root) })
		if err != nil {
			t.Fatal(err)
		}
		if o.Devices != 3 || o.FirstDevice != "null" {
			t.Errorf("omissions %+v, want 3 devices and null first", o)
		}
		check(t, root, []string{"-0644 f", "c0600 gone 0:0"})
	})
	probe := filepath.Join(imagetest.TempDir(t), "probe")
	if unix.Mknod(probe, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) != nil {
		return // this account is a plain user itself
	}
	t.Run("root", func(t *testing.T) {
		root, o, err := unpackInto(t, data)
		if err != nil || o != (unpack.Omissions{}) {
			t.Fatalf("error %v, omissions %+v", err, o)
		}
		check(t, root, []string{"b0660 disk 8:0", "-0644 f", "c0600 gone 0:0", "c0644 null 1:3", "c0644 zero 1:3"})
	})
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := unpack.Tar(ctx, bytes.NewReader(imagetest.Tar(t, file("f", 0o644))), imagetest.TempDir(t))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestReserved has names that a CVMFS server acts on: no layer that has one is laid out.
func TestReserved(t *testing.T) {
	empty := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
	for _, tc := range []struct {
		entry tar.Header
		fine  bool
	}{
		{file(".cvmfsgraft-f", 0o644), false},
		{file("d/.cvmfsgraft-f", 0o644), false},
		{empty("d/.cvmfsgraft-"), false},
		{dir(".cvmfsgraft-f", 0o755), false},
		{link("d/.cvmfsgraft-f", "f"), false},
		{symlink(".cvmfsgraft-f", "f"), false},
		{file(".cvmfsbundle-f", 0o644), false},
		{file("d/.cvmfsbundles", 0o644), false},
		{file(".cvmfsdirtab", 0o644), false},
		{file(".cvmfscatalog", 0o644), false},
		{dir(".cvmfscatalog", 0o755), false},
		{symlink("d/.cvmfscatalog", "f"), false},
		{link("d/.cvmfscatalog", "f"), false},
		{tar.Header{Name: "d/.cvmfscatalog", Typeflag: tar.TypeFifo, Mode: 0o644}, false},
		{dir("d/.cvmfsautocatalog/", 0o755), false},
		{symlink(".cvmfsautocatalog", "f"), false},
		{empty(".cvmfscatalog"), true},
		{empty("d/.cvmfscatalog"), true},
		{empty("d/.cvmfsautocatalog"), true},
		{file("cvmfsgraft-f", 0o644), true},
		{file(".cvmfsrc", 0o644), true},
		{file(".wh..cvmfsgraft-f", 0o644), true},
	} {
		t.Run(tc.entry.Name+string(tc.entry.Typeflag), func(t *testing.T) {
			_, _, err := unpackInto(t, imagetest.Tar(t, file("f", 0o644), tc.entry))
			if tc.fine && err != nil {
				t.Errorf("error %v", err)
			}
			if !tc.fine && (!errors.Is(err, unpack.ErrReserved) || !strings.Contains(err.Error(), strings.TrimSuffix(tc.entry.Name, "/"))) {
				t.Errorf("error %v, want %v that names it", err, unpack.ErrReserved)
			}
		})
	}
}

// TestLinkedWhiteouts has whiteouts that docker's archiver stored as hard links, to a file of a lower layer too.
func TestLinkedWhiteouts(t *testing.T) {
	root, _, err := unpackInto(t, imagetest.Tar(t, file("opt/.wh.a", 0o600), link("opt/.wh.b", "opt/.wh.a"), link("tmp/.wh.gone", "tmp/below"),
		link("srv/.wh..wh..opq", "/never"), file("f", 0o644), link(".wh.f2", "f"), symlink("l", "/"), link(".wh.out", "l/etc/passwd")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"opt/.wh.b", "tmp/.wh.gone", "srv/.wh..wh..opq", ".wh.f2", ".wh.out"} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() || info.Size() != 0 {
			t.Errorf("%s is %v, error %v, want an empty file", name, info, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(root, "f")); err != nil || string(got) != "f" {
		t.Errorf("the target is %q, error %v", got, err)
	}
}

// TestTransaction lays layers into a transaction, which loses whiteouts of every type.
func TestTransaction(t *testing.T) {
	for _, tc := range []struct {
		entry tar.Header
		lost  bool
	}{
		{file(".wh.a", 0o644), true},
		{file("d/.wh..wh..opq", 0o644), true},
		{file("d/.wh..wh.plnk", 0o644), true},
		{file(".wh.", 0o644), true},
		{symlink("d/.wh.a", "b"), true},
		{link("d/.wh.a", "b"), true},
		{tar.Header{Name: ".wh.a", Typeflag: tar.TypeFifo}, true},
		{file("a.wh.b", 0o644), false},
		{dir("d", 0o755), false},
	} {
		data := imagetest.Tar(t, file("f", 0o644), tc.entry)
		_, err := unpack.Into(context.Background(), bytes.NewReader(data), imagetest.TempDir(t), unpack.Options{Transaction: true})
		if errors.Is(err, unpack.ErrTransaction) != tc.lost || !tc.lost && err != nil {
			t.Errorf("%s: error %v", tc.entry.Name, err)
		}
	}
}
