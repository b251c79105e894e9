package view

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/server"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// served keeps the server's code in this binary, though the tests run the program
// of it: go test takes a result from its cache while the binary is the same.
var served any = server.Serve

// TestMain builds the server where helper.Find looks first. The tests mount, so
// they need root or a user namespace's root, and a usable /dev/fuse.
func TestMain(m *testing.M) {
	exe, err := os.Executable()
	if err == nil && served != nil && os.Getenv(rootlessDir) == "" {
		var out []byte
		build := exec.Command("go", "build", "-o", filepath.Join(filepath.Dir(exe), helper.View),
			"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/cmd/"+helper.View)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err = build.CombinedOutput()
		os.Stderr.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the server:", err)
		os.Exit(1)
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests mount file systems: run them as root, or in `unshare -Urm`")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// tree makes a layer directory: "d/" is a directory, "f=text" a file, "l>to" a
// link, "!c" a 0:0 device. Everything belongs to 9:9 as with a CVMFS client.
func tree(t *testing.T, entries ...string) spec.Layer {
	t.Helper()
	root := layerPath(t.TempDir(), "layer")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var err error
		name, text, isFile := strings.Cut(e, "=")
		link, target, isLink := strings.Cut(e, ">")
		switch {
		case strings.HasSuffix(e, "/"):
			err = os.MkdirAll(filepath.Join(root, e), 0o755)
		case strings.HasPrefix(e, "!"):
			err = unix.Mknod(filepath.Join(root, e[1:]), unix.S_IFCHR, 0)
		case isLink:
			err = os.Symlink(target, filepath.Join(root, link))
		default:
			if !isFile {
				name = e
			}
			if err = os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err == nil {
				err = os.WriteFile(filepath.Join(root, name), []byte(text), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 9, 9))
	})
	return spec.Layer{Path: root}
}

// layerPath is where a repository has the layer that a test calls name.
func layerPath(repository, name string) string {
	dir, err := cvmfs.LayerDir(digest.FromString(name))
	if err != nil {
		panic(err)
	}
	return filepath.Join(repository, dir, cvmfs.LayerFS)
}

func stack(t *testing.T, r spec.Spec) string {
	t.Helper()
	at := mountpoint(t)
	lowers, err := Served.Stack(r, at)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lowers, []string{at.Dir}) {
		t.Fatalf("lowers = %q, want only %q", lowers, at.Dir)
	}
	return at.Dir
}

func mountpoint(t *testing.T) *Mountpoint {
	t.Helper()
	at, err := MakeMountpoint(filepath.Join(t.TempDir(), "views"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := at.Release(); err != nil {
			t.Error(err)
		}
	})
	return at
}

// show lists a tree as tree takes it.
func show(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if st.Uid != 0 || st.Gid != 0 {
			t.Errorf("%q belongs to %d:%d", rel, st.Uid, st.Gid)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			rel += "/"
			buf := make([]byte, 10)
			if n, err := unix.Lgetxattr(path, "trusted.overlay.opaque", buf); err == nil {
				rel += "=" + string(buf[:n])
			}
		case unix.S_IFCHR:
			rel = fmt.Sprintf("!%s=%d", rel, st.Rdev)
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			if err != nil || len(to) != int(st.Size) {
				return fmt.Errorf("reading link %q of size %d: %q, %w", rel, st.Size, to, err)
			}
			rel += ">" + to
		default:
			text, err := os.ReadFile(path)
			if err != nil || len(text) != int(st.Size) {
				return fmt.Errorf("reading %q of size %d: %d bytes, %w", rel, st.Size, len(text), err)
			}
			rel += "=" + string(text)
		}
		out = append(out, rel)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

func TestServedTree(t *testing.T) {
	base := []string{".cvmfscatalog", "a=1", "b=2", "d/x=3", "d/y=4", "e/gone=5", "f/gone=6", "l>a", "r/back=7"}
	top := []string{".cvmfscatalog", ".wh.b", "a=new", "d/.wh.x", "d/z=8", "e/.wh..wh..opq", "e/mine=9", ".wh.f", ".wh.never", ".wh..wh.plnk", "r=file", "!cut"}
	for _, c := range []struct {
		name   string
		layers [][]string
		below  []string
		want   []string
	}{
		{
			"one layer",
			[][]string{base},
			nil,
			[]string{"a=1", "b=2", "d/", "d/x=3", "d/y=4", "e/", "e/gone=5", "f/", "f/gone=6", "l>a", "r/", "r/back=7"},
		},
		{
			"two layers",
			[][]string{top, base},
			nil,
			[]string{"a=new", "d/", "d/y=4", "d/z=8", "e/", "e/mine=9", "l>a", "r=file"},
		},
		{
			"the same above local layers",
			[][]string{top, base},
			[]string{"b=0", "cut=0", "d/x=0", "e/gone=0", "f/"},
			[]string{"a=new", "!b=0", "!cut=0", "d/", "!d/x=0", "d/y=4", "d/z=8", "e/=y", "e/mine=9", "!f=0", "l>a", "r=file"},
		},
		{
			"whiteouts below an opaque directory",
			[][]string{{"e/.wh.gone", "e/s/.wh.x"}, {"e/.wh..wh..opq", "e/s/"}, base},
			[]string{"e/gone=0", "e/s/x=0"},
			[]string{"a=1", "b=2", "d/", "d/x=3", "d/y=4", "e/=y", "e/s/=y", "f/", "f/gone=6", "l>a", "r/", "r/back=7"},
		},
		{
			"deleted and added again, above local layers",
			[][]string{{"f/new=1"}, {".wh.f"}, base},
			[]string{"f/"},
			[]string{"a=1", "b=2", "d/", "d/x=3", "d/y=4", "e/", "e/gone=5", "f/=y", "f/new=1", "l>a", "r/", "r/back=7"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := spec.Spec{}
			if c.below != nil {
				r.Below = []string{tree(t, c.below...).Path}
			}
			for _, l := range c.layers {
				r.Layers = append(r.Layers, tree(t, l...))
			}
			got := show(t, stack(t, r))
			if slices.Sort(c.want); !slices.Equal(sorted(got), c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func TestServedProperties(t *testing.T) {
	l := tree(t, "f=text", "d/", "secret=s")
	for _, err := range []error{
		os.Link(filepath.Join(l.Path, "f"), filepath.Join(l.Path, "hard")),
		os.Chmod(filepath.Join(l.Path, "d"), os.ModeSticky|0o777),
		os.Chmod(filepath.Join(l.Path, "f"), os.ModeSetuid|0o755),
		unix.Mknod(filepath.Join(l.Path, "fifo"), unix.S_IFIFO|0o600, 0),
		unix.Setxattr(filepath.Join(l.Path, "f"), "user.kept", []byte("v"), 0),
		unix.Setxattr(filepath.Join(l.Path, "f"), "trusted.hidden", []byte("v"), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := stack(t, spec.Spec{Layers: []spec.Layer{l}, UID: 7, GID: 8})
	var f, hard, fifo, d unix.Stat_t
	for name, st := range map[string]*unix.Stat_t{"f": &f, "hard": &hard, "fifo": &fifo, "d": &d} {
		if err := unix.Lstat(filepath.Join(dir, name), st); err != nil {
			t.Fatal(err)
		}
	}
	if f.Mode != unix.S_IFREG|0o755 || d.Mode != unix.S_IFDIR|0o1777 || fifo.Mode != unix.S_IFIFO|0o600 {
		t.Errorf("modes %o %o %o", f.Mode, d.Mode, fifo.Mode)
	}
	if f.Uid != 7 || f.Gid != 8 {
		t.Errorf("owner %d:%d, want 7:8", f.Uid, f.Gid)
	}
	if f.Ino != hard.Ino || f.Nlink != 2 {
		t.Errorf("hard links: inodes %d and %d, %d links", f.Ino, hard.Ino, f.Nlink)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Namelen != 255 || st.Bsize == 0 {
		t.Errorf("statfs: name length %d, block size %d, %v", st.Namelen, st.Bsize, err)
	}
	buf := make([]byte, 100)
	if n, err := unix.Llistxattr(filepath.Join(dir, "f"), buf); err != nil || string(buf[:n]) != "user.kept\x00" {
		t.Errorf("attributes %q, %v", buf[:n], err)
	}
	if n, err := unix.Lgetxattr(filepath.Join(dir, "f"), "user.kept", buf); err != nil || string(buf[:n]) != "v" {
		t.Errorf("attribute %q, %v", buf[:n], err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDONLY|unix.O_NOATIME, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), unix.FS_IOC_GETFLAGS, 0); errno != unix.ENOTTY {
		t.Errorf("ioctl: %v, want ENOTTY", errno)
	}
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("writing: %v, want EROFS", err)
	}
}

// A layer that is removed must give errors for what was not read before, not
// an empty directory.
func TestServedLayerGone(t *testing.T) {
	gone, stays := tree(t, "d/x=1", "e/", "known=2"), tree(t, "d/y=3")
	dir := stack(t, spec.Spec{Layers: []spec.Layer{gone, stays}})
	if _, err := os.ReadFile(filepath.Join(dir, "known")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone.Path); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	for _, name := range []string{"d", "e"} {
		if names, err := os.ReadDir(filepath.Join(dir, name)); err == nil {
			t.Errorf("listing %q of a removed layer: %v without an error", name, names)
		} else if !errors.Is(err, unix.EIO) {
			t.Errorf("listing %q: %v, want EIO", name, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "known")); err != nil || string(text) != "2" {
		t.Errorf("a cached file: %q, %v", text, err)
	}
}

func TestServedErrors(t *testing.T) {
	good := tree(t, "a=1")
	for _, c := range []struct {
		name  string
		layer spec.Layer
		want  error
	}{
		{"missing", spec.Layer{Path: layerPath(strings.TrimSuffix(good.Path, layerPath("", "layer")), "none")}, cvmfs.ErrLayerUnknown},
		{"no repository", spec.Layer{Path: layerPath(t.TempDir(), "none")}, cvmfs.ErrUnavailable},
		{"not a layer's path", spec.Layer{Path: good.Path + "/d"}, cvmfs.ErrInvalidLayer},
		{"a file", spec.Layer{Path: inPlace(t, func(path string) error { return os.WriteFile(path, nil, 0o644) })}, cvmfs.ErrInvalidLayer},
		{"a link out of the repository", spec.Layer{Path: inPlace(t, func(path string) error { return os.Symlink("/etc", path) })}, cvmfs.ErrInvalidLayer},
		{"another catalogue", spec.Layer{Path: good.Path, CatalogHash: "abc"}, cvmfs.ErrMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := mountpoint(t)
			_, err := Served.Stack(spec.Spec{Layers: []spec.Layer{good, c.layer}}, at)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.layer.Path) {
				t.Errorf("error %v, want %v naming the layer", err, c.want)
			}
			if err := at.Release(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(filepath.Dir(filepath.Dir(at.Dir))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something is left of the mount point: %v", err)
			}
		})
	}
}

// inPlace puts something else where a layer directory should be.
func inPlace(t *testing.T, put func(path string) error) string {
	t.Helper()
	path := layerPath(t.TempDir(), "other")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), put(path)); err != nil {
		t.Fatal(err)
	}
	return path
}

// The view lives as long as somebody uses it, and its server not much longer.
func TestServedEnds(t *testing.T) {
	at := mountpoint(t)
	if _, err := Served.Stack(spec.Spec{Layers: []spec.Layer{tree(t, "a=1", "b=2")}}, at); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(at.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Release(); err != nil {
		t.Fatal(err)
	}
	if names, err := held.Readdirnames(-1); err != nil || len(names) != 2 {
		t.Errorf("after the release: %q, %v", names, err)
	}
	if n := children(t); n != 1 {
		t.Errorf("%d servers run while the view is used, want 1", n)
	}
	// What ends a session, a job or a machine must not take the files from a
	// container that is still at its last work.
	for _, signal := range []string{"TERM", "INT", "HUP"} {
		if out, err := exec.Command("pkill", "-"+signal, "-P", fmt.Sprint(os.Getpid()), "-x", helper.View).CombinedOutput(); err != nil {
			t.Fatalf("sending %s: %v, %s", signal, err, out)
		}
	}
	time.Sleep(100 * time.Millisecond)
	fd, err := unix.Openat(int(held.Fd()), "b", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatalf("after signals: %v", err)
	}
	buf := make([]byte, 2)
	if n, err := unix.Read(fd, buf); n != 1 || buf[0] != '2' {
		t.Errorf("after signals: %q, %v", buf[:max(n, 0)], err)
	}
	unix.Close(fd)
	held.Close()
	for i := 0; children(t) > 0; i++ {
		if i == 100 {
			t.Fatal("the server runs on, 10 s after the last use")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// children counts the running servers that this process started.
func children(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("pgrep", "-c", "-P", fmt.Sprint(os.Getpid()), "-x", helper.View).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(string(out), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestServedConcurrently(t *testing.T) {
	var layers []spec.Layer
	want := map[string]string{}
	for l := range 5 {
		var entries []string
		for d := range 10 {
			for f := range 20 {
				name, text := fmt.Sprintf("d%d/l%df%d", d, l, f), strings.Repeat(fmt.Sprint(l, d, f), 5000)
				entries = append(entries, name+"="+text)
				want[name] = text
			}
		}
		layers = append(layers, tree(t, entries...))
	}
	dir := stack(t, spec.Spec{Layers: layers})
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := 0
			_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					t.Error(err)
				} else if !d.IsDir() {
					rel, _ := filepath.Rel(dir, path)
					if text, err := os.ReadFile(path); err != nil || string(text) != want[rel] {
						t.Errorf("%q: wrong content, %v", rel, err)
					}
					n++
				}
				return nil
			})
			if n != len(want) {
				t.Errorf("%d files, want %d", n, len(want))
			}
		}()
	}
	wg.Wait()
}
