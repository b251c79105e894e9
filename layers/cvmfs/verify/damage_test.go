package verify_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
)

func sum(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

// damages are what can be done to a published tree, one each, and what is said
// of it. A damage does not touch the times of other files.
var damages = []struct {
	name string
	path string
	do   func(t *testing.T, path string)
	want []string // without the path, if it starts with a colon
}{
	{"nothing", "etc/passwd", func(*testing.T, string) {}, nil},
	{
		"a byte", "su", func(t *testing.T, path string) { write(t, path, "sU", 0o755|os.ModeSetuid) },
		[]string{kept(": content", sum("sU"), sum("su"))},
	},
	{"longer", "su", func(t *testing.T, path string) { write(t, path, "su!", 0o755|os.ModeSetuid) }, []string{kept(": size", "3", "2")}},
	{
		"truncated", "su", func(t *testing.T, path string) { must(t, os.Truncate(path, 1), os.Chmod(path, 0o755|os.ModeSetuid)) },
		[]string{kept(": size", "1", "2")},
	},
	{"no setuid", "su", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o755)) }, []string{kept(": mode", "0755", "4755")}},
	{
		"mode of a directory", "empty", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o777)) },
		[]string{kept(": mode", "0777", "0700")},
	},
	{
		"mode of a device", "null", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o666)) },
		[]string{kept(": mode", "0666", "0600")},
	},
	{
		"mode of one that is linked", "etc/passwd", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o600)) },
		[]string{kept(": mode", "0600", "0644"), "layerfs/etc/passwd-" + kept(": mode", "0600", "0644")},
	},
	{"an implied directory's mode and time", "implied", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o700)) }, nil},
	{
		"target", "link", func(t *testing.T, path string) { relink(t, path, "etc/shadow\x1b") },
		[]string{kept(": target", `"etc/shadow\x1b"`, `"etc/passwd"`)},
	},
	{
		"expanded target", "variable", func(t *testing.T, path string) { relink(t, path, "/root/x") },
		[]string{kept(": target", `"/root/x"`, `"$(HOME)/x"`)},
	},
	{"file to symlink", "etc/passwd-", func(t *testing.T, path string) { relink(t, path, "passwd") }, []string{kept(": type", "symlink", "file")}},
	{
		"file to FIFO", "su", func(t *testing.T, path string) { must(t, os.Remove(path), unix.Mkfifo(path, 0o755)) },
		[]string{kept(": type", "FIFO", "file")},
	},
	{"file to device", "su", func(t *testing.T, path string) {
		must(t, os.Remove(path), unix.Mknod(path, unix.S_IFCHR|0o755, 0))
	}, []string{kept(": type", "character device", "file")}},
	{"file to directory", "su", func(t *testing.T, path string) {
		must(t, os.Remove(path), os.MkdirAll(filepath.Join(path, "etc"), 0o755))
	}, []string{kept(": type", "directory", "file")}},
	{"symlink to file", "link", func(t *testing.T, path string) {
		must(t, os.Remove(path))
		write(t, path, "etc/passwd", 0o777)
	}, []string{kept(": type", "file", "symlink")}},
	{"directory to symlink", "full", func(t *testing.T, path string) {
		must(t, os.Rename(path, filepath.Join(t.TempDir(), "full")), os.Symlink("etc", path))
	}, []string{kept(": type", "symlink", "directory")}},
	{"directory to a symlink to itself, elsewhere", "full", func(t *testing.T, path string) {
		elsewhere := filepath.Join(t.TempDir(), "full")
		must(t, os.Rename(path, elsewhere), os.Symlink(elsewhere, path))
	}, []string{kept(": type", "symlink", "directory")}},
	{"directory to file", "full", func(t *testing.T, path string) {
		must(t, os.RemoveAll(path))
		write(t, path, "", 0o755)
	}, []string{kept(": type", "file", "directory")}},
	{"no file", "su", func(t *testing.T, path string) { must(t, os.Remove(path)) }, []string{kept(": missing", "nothing", "file")}},
	{
		"no directory", "full", func(t *testing.T, path string) { must(t, os.RemoveAll(path)) },
		[]string{kept(": missing", "nothing", "directory")},
	},
	{
		"no whiteout", ".wh.whiteout", func(t *testing.T, path string) { must(t, os.Remove(path)) },
		[]string{kept(": missing", "nothing", "file")},
	},
	{
		"no opaque marker", "full/.wh..wh..opq", func(t *testing.T, path string) { must(t, os.Remove(path)) },
		[]string{kept(": missing", "nothing", "file")},
	},
	{
		"a name of odd bytes", odd, func(t *testing.T, path string) { must(t, os.Remove(path)) },
		[]string{`"layerfs/odd\n\x1b[31m\xff"` + kept(": missing", "nothing", "file")},
	},
	{"extra file", "full/b", func(t *testing.T, path string) { write(t, path, "b", 0o644) }, []string{kept(": extra", "file", "nothing")}},
	{
		"extra of odd bytes", odd + odd, func(t *testing.T, path string) { write(t, path, "b", 0o644) },
		[]string{`"layerfs/odd\n\x1b[31m\xffodd\n\x1b[31m\xff"` + kept(": extra", "file", "nothing")},
	},
	{"extra directory", "full/new", func(t *testing.T, path string) {
		must(t, os.MkdirAll(filepath.Join(path, "deep"), 0o755))
	}, []string{kept(": extra", "directory", "nothing")}},
	{
		"extra whiteout", "etc/.wh.hosts", func(t *testing.T, path string) { write(t, path, "", 0o600) },
		[]string{kept(": extra", "file", "nothing")},
	},
	{
		"extra in the layer's directory", "../other", func(t *testing.T, path string) { write(t, path, "", 0o600) },
		[]string{"other" + kept(": extra", "file", "nothing")},
	},
	{"extra catalogue marker", "full/.cvmfscatalog", func(t *testing.T, path string) { write(t, path, "", 0o664) }, nil},
	{"the server's own catalogue marker", ".cvmfsautocatalog", func(t *testing.T, path string) { write(t, path, "", 0o664) }, nil},
	{
		"a directory called so", "full/.cvmfscatalog", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) },
		[]string{kept(": extra", "directory", "nothing")},
	},
	{"a hard link with other content", "etc/passwd-", func(t *testing.T, path string) {
		must(t, os.Remove(path))
		write(t, path, "etc/passwx", 0o644)
	}, []string{kept(": content", sum("etc/passwx"), sum("etc/passwd"))}},
	{"a hard link as a file of its own", "etc/passwd-", func(t *testing.T, path string) {
		must(t, os.Remove(path))
		write(t, path, "etc/passwd", 0o644)
	}, nil},
	{"FIFO to device", "fifo", func(t *testing.T, path string) {
		must(t, os.Remove(path), unix.Mknod(path, unix.S_IFCHR|0o644, 0))
	}, []string{kept(": type", "character device", "FIFO")}},
}

func relink(t *testing.T, path, target string) { must(t, os.Remove(path), os.Symlink(target, path)) }

func TestDamage(t *testing.T) {
	for _, tc := range damages {
		t.Run(tc.name, func(t *testing.T) {
			s := publishTar(t, tree(t))
			path := filepath.Join(s.dir, "layerfs", tc.path)
			at(t, path, func(path string) { tc.do(t, path) })
			want := []string{}
			for _, w := range tc.want {
				if strings.HasPrefix(w, ":") {
					w = "layerfs/" + tc.path + w
				}
				want = append(want, w)
			}
			s.mustBe(t, want...)
		})
	}
}

func TestTimes(t *testing.T) {
	for _, path := range []string{"su", "link", "fifo", "full"} {
		t.Run(path, func(t *testing.T) {
			s := publishTar(t, tree(t))
			setTime(t, filepath.Join(s.dir, "layerfs", path), imagetest.Time.Add(time.Hour+time.Millisecond))
			s.mustBe(t, "layerfs/"+path+kept(": time", "2024-02-29T13:30:15Z", "2024-02-29T12:30:15Z"))
			setTime(t, filepath.Join(s.dir, "layerfs", path), imagetest.Time.Add(time.Millisecond))
			s.mustBe(t) // CVMFS keeps whole seconds
		})
	}
}

func TestDevice(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make devices")
	}
	s := publishTar(t, tree(t))
	at(t, filepath.Join(s.dir, "layerfs/null"), func(path string) {
		must(t, os.Remove(path), unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	})
	s.mustBe(t, "layerfs/null"+kept(": device", "1:3", "0:0"))
}

func TestMountPoint(t *testing.T) {
	s := publishTar(t, tree(t))
	path := filepath.Join(s.dir, "layerfs/full")
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(path, unix.MNT_DETACH)) })
	s.mustBe(t, "layerfs/full"+kept(": type", "mount point", "directory"))
}

// TestUnreadable takes the owner's own rights away; root they cannot be taken from.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	for _, tc := range []struct {
		path string
		mode os.FileMode
		want []string
	}{
		{"su", 0o4000, []string{kept(": mode", "4000", "4755"), kept(": unreadable", "not readable by this account", "file")}},
		{"full", 0, []string{kept(": mode", "0000", "0755"), kept(": unreadable", "not readable by this account", "directory")}},
		{"full", 0o400, []string{kept(": mode", "0400", "0755"), kept(": unreadable", "not readable by this account", "directory")}},
		{"full", 0o100, []string{kept(": mode", "0100", "0755"), kept(": unreadable", "not readable by this account", "directory")}},
	} {
		t.Run(fmt.Sprintf("%s %04o", tc.path, tc.mode), func(t *testing.T) {
			s := publishTar(t, tree(t))
			must(t, unix.Chmod(filepath.Join(s.dir, "layerfs", tc.path), uint32(tc.mode)))
			got, _, err := s.compare(t)
			if err != nil {
				t.Fatal(err)
			}
			for i := range tc.want {
				tc.want[i] = "layerfs/" + tc.path + tc.want[i]
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("differences\n%q\nwant\n%q", got, tc.want)
			}
		})
	}
}
