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
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// rootlessDir, if set, says that this process is the rootless half of
// TestRootless, and where its layers are.
const rootlessDir = "VIEW_TEST_ROOTLESS"

// fuseDevice is a FUSE device in that directory that anyone may open.
const fuseDevice = "fuse"

// TestRootless stacks views under the kernel's overlayfs in a user namespace
// in which the layers' owner is not mapped: what a node has.
func TestRootless(t *testing.T) {
	if dir := os.Getenv(rootlessDir); dir != "" {
		rootless(t, dir)
		return
	}
	dir, err := os.MkdirTemp("/tmp", "view")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var closed []string
	for name, f := range closedEntries {
		closed = append(closed, name+"="+f.entry)
	}
	for name, entries := range map[string][]string{
		"closed": closed,
		"base":   {"etc/", "tmp/", "data/a=1", "data/b=2", "opq/x=1", "dir/sub/f=text", "gone=1", "secret=s", "closed/in=1", "nosearch/in=1", "nolist/in=1"},
		"top":    {".wh.gone", "data/.wh.a", "opq/.wh..wh..opq", "opq/y=2"},
		"local":  {"data/local=3", "opq/local=4", "gone=2", "low=5"},
	} {
		l := tree(t, entries...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(layerPath(dir, name)), 0o755), os.Rename(l.Path, layerPath(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range closedEntries {
		if err := unix.Chmod(filepath.Join(layerPath(dir, "closed"), name), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	base := layerPath(dir, "base")
	const uid = 300000 // maps 0 to 65535; 9, the layers' owner, is not among them
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "work"), 0o755), os.Chown(filepath.Join(dir, "work"), uid, uid),
		os.Chmod(filepath.Join(base, "tmp"), os.ModeSticky|0o777), os.Chmod(filepath.Join(base, "secret"), 0o600),
		os.Chmod(filepath.Join(base, "closed"), 0o700), os.Chmod(filepath.Join(base, "nosearch"), 0o744),
		os.Chmod(filepath.Join(base, "nolist"), 0o711),
		exec.Command("chown", "-hR", fmt.Sprintf("%d:%d", uid, uid), layerPath(dir, "local")).Run(),
		exec.Command("cp", exe, filepath.Join(filepath.Dir(exe), helper.View), dir).Run(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fuse := filepath.Join(dir, fuseDevice)
	if err := errors.Join(unix.Mknod(fuse, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 229))), os.Chmod(fuse, 0o666)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, filepath.Base(exe)), "-test.run=^TestRootless$")
	cmd.Dir, cmd.Env = dir, []string{rootlessDir + "=" + dir, "TMPDIR=" + dir + "/work", "PATH=" + os.Getenv("PATH")}
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids,
		GidMappingsEnableSetgroups: true,
		Credential:                 &syscall.Credential{Uid: 0, Gid: 0},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in the user namespace: %v\n%s", err, out)
	}
}

// overlay mounts lowers with a fresh upper, as rootless podman does.
func overlay(t *testing.T, lowers ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // for a second user
		t.Fatal(err)
	}
	for _, name := range []string{"upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work,userxattr", strings.Join(lowers, ":"), dir, dir)
	merged := filepath.Join(dir, "merged")
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(merged, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return merged
}

func rootless(t *testing.T, dir string) {
	// On some machines only root may open the real one.
	if err := unix.Mount(filepath.Join(dir, fuseDevice), "/dev/fuse", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	run := []spec.Layer{{Path: layerPath(dir, "top")}, {Path: layerPath(dir, "base")}}
	var st unix.Stat_t
	if err := unix.Lstat(run[1].Path, &st); err != nil || st.Uid != 65534 {
		t.Fatalf("the layers' owner shows as %d, %v: this tests nothing", st.Uid, err)
	}
	t.Run("remote only", func(t *testing.T) {
		view := stack(t, spec.Spec{Layers: run})
		root := overlay(t, view)
		if got, want := names(t, root, "data", "opq", "gone"), []string{"data/b", "opq/y"}; !slices.Equal(got, want) {
			t.Errorf("holds %q, want %q", got, want)
		}
		checkHidden(t, root)
		checkWrites(t, root)
	})
	t.Run("closed files", func(t *testing.T) { checkClosed(t, []spec.Layer{{Path: layerPath(dir, "closed")}}) })
	t.Run("above a local layer", func(t *testing.T) {
		local := layerPath(dir, "local")
		root := overlay(t, stack(t, spec.Spec{Layers: run, Below: []string{local}}), local)
		want := []string{"data/b", "data/local", "low", "opq/y"}
		if got := names(t, root, "data", "opq", "gone", "low"); !slices.Equal(got, want) {
			t.Errorf("holds %q, want %q", got, want)
		}
		checkWrites(t, root)
	})
	t.Run("direct refused", func(t *testing.T) {
		_, err := Direct.Stack(spec.Spec{Layers: run[1:]}, nil)
		if !errors.Is(err, cvmfs.ErrInvalidLayer) {
			t.Errorf("a layer with an unmapped owner: %v", err)
		}
	})
	t.Run("direct", func(t *testing.T) {
		local := layerPath(dir, "local")
		lowers, err := Direct.Stack(spec.Spec{Layers: []spec.Layer{{Path: local}}}, nil)
		if err != nil || !slices.Equal(lowers, []string{local}) {
			t.Errorf("a fit layer: %q, %v", lowers, err)
		}
	})
}

// names lists the files beneath some entries of a tree; what is absent holds nothing.
func names(t *testing.T, root string, entries ...string) (out []string) {
	t.Helper()
	for _, e := range entries {
		err := filepath.WalkDir(filepath.Join(root, e), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(root, path)
				out = append(out, rel)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	slices.Sort(out)
	return out
}

func checkHidden(t *testing.T, root string) {
	t.Helper()
	if _, err := os.Open(filepath.Join(root, "secret")); !errors.Is(err, unix.EACCES) {
		t.Errorf("opening what the repository hides: %v, want EACCES", err)
	}
	for name, mode := range map[string]fs.FileMode{"secret": 0o600, "closed": 0o700 | fs.ModeDir, "nosearch": 0o744 | fs.ModeDir, "nolist": 0o711 | fs.ModeDir} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want mode %v", name, info, err, mode)
			continue
		}
		if !info.IsDir() {
			continue
		}
		if held, err := os.ReadDir(filepath.Join(root, name)); err != nil || len(held) != 0 {
			t.Errorf("%s shows %v, %v", name, held, err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "new"), []byte("x"), 0o644); err != nil {
			t.Errorf("writing to a directory that hides what it holds: %v", err)
		}
	}
}

func checkWrites(t *testing.T, root string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	f, err := os.OpenFile(in("data/b"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("more")
		err = errors.Join(err, f.Close())
	}
	text, err2 := os.ReadFile(in("data/b"))
	if string(text) != "2more" {
		err2 = errors.Join(err2, fmt.Errorf("appending gave %q", text))
	}
	for what, err := range map[string]error{
		"append": errors.Join(err, err2),
		"create": os.WriteFile(in("etc/mtab"), nil, 0o644),
		"chmod":  os.Chmod(in("dir/sub/f"), 0o600),
		"chown":  os.Chown(in("dir/sub/f"), 1000, 1000),
		"rename": errors.Join(os.Rename(in("dir/sub/f"), in("dir/f")), exec.Command("mv", in("dir"), in("moved")).Run()),
		"delete": errors.Join(os.RemoveAll(in("opq")), os.Remove(in("data/b"))),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A second user makes a file, and may go on writing it.
	cmd := exec.Command("sh", "-c", "echo a > mine && echo b >> mine && test $(wc -l < mine) = 2")
	cmd.Dir = in("tmp")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a second user's own file: %v: %s", err, out)
	}
}
