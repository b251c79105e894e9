package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

func TestMountLooksLikeTheClients(t *testing.T) {
	m := mount(t)
	info, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	line := ""
	for _, l := range strings.Split(string(info), "\n") {
		if strings.Contains(l, " "+m.root+" ") {
			line = l
		}
	}
	if want := " - fuse cvmfs2 ro,user_id=0,group_id=0,default_permissions,allow_other"; !strings.HasSuffix(line, want) {
		t.Errorf("mountinfo %q does not end in %q", line, want)
	}
	if want := " ro,nosuid,nodev"; !strings.Contains(line, want) {
		t.Errorf("mountinfo %q lacks %q", line, want)
	}
	var st unix.Statfs_t
	must(t, unix.Statfs(m.root, &st))
	if st.Namelen != 0 {
		t.Errorf("name length %d, want 0", st.Namelen)
	}
	if st.Type != 0x65735546 {
		t.Errorf("type %#x, want FUSE's", st.Type)
	}
	wantErrno(t, "writing", os.WriteFile(m.path("x"), nil, 0o644), unix.EROFS)
	wantErrno(t, "long name", unix.Access(m.path(strings.Repeat("x", 256)), 0), unix.ENAMETOOLONG)
}

func TestAttributes(t *testing.T) {
	m := mount(t, "--uid", "123", "--gid", "456")
	top := filepath.Join(dirA, "layerfs")
	stat := func(name string) (st unix.Stat_t) {
		t.Helper()
		must(t, unix.Lstat(m.path(filepath.Join(top, name)), &st))
		return st
	}
	for name, mode := range map[string]uint32{
		".": unix.S_IFDIR | 0o755, "root": unix.S_IFDIR | 0o700, "group": unix.S_IFDIR | 0o750,
		"etc/hello": unix.S_IFREG | 0o644, "etc/shadow": unix.S_IFREG | 0o640, "usr/tool": unix.S_IFREG | 0o4755,
		".cvmfscatalog": unix.S_IFREG | 0o664, "etc/.wh.gone": unix.S_IFREG | 0o644,
		"etc/plain": unix.S_IFLNK | 0o777, "dev/null": unix.S_IFCHR | 0o644, "dev/fifo": unix.S_IFIFO | 0o644,
	} {
		t.Run(name, func(t *testing.T) {
			st := stat(name)
			if st.Uid != 123 || st.Gid != 456 {
				t.Errorf("owner %d:%d, want 123:456", st.Uid, st.Gid)
			}
			// The kernel made the devices' modes under some umask: compare the types.
			if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFCHR || kind == unix.S_IFIFO {
				st.Mode, mode = kind, mode&unix.S_IFMT
			}
			if st.Mode != mode {
				t.Errorf("mode %o, want %o", st.Mode, mode)
			}
			if st.Mode&unix.S_IFMT != unix.S_IFDIR && st.Nlink != 1 {
				t.Errorf("%d links, want 1", st.Nlink)
			}
			if st.Mtim.Nsec != 0 || st.Atim.Nsec != 0 || st.Ctim.Nsec != 0 {
				t.Errorf("times have fractions of seconds: %v", st.Mtim)
			}
		})
	}
	if st := stat("etc/hello"); st.Mtim.Sec != 1_600_000_000 {
		t.Errorf("mtime %d, want 1600000000", st.Mtim.Sec)
	}
	if a, b := stat("etc/hello"), stat("etc/hard"); a.Ino == b.Ino || a.Size != b.Size {
		t.Errorf("hard links: inodes %d and %d, sizes %d and %d", a.Ino, b.Ino, a.Size, b.Size)
	}
	for name, want := range map[string]uint64{"dev/null": unix.Mkdev(1, 3), "dev/whiteout": 0} {
		if st := stat(name); st.Rdev != want {
			t.Errorf("%s: rdev %#x, want %#x", name, st.Rdev, want)
		}
	}
	_, err := os.Open(m.path(filepath.Join(top, "dev/null")))
	wantErrno(t, "opening a device", err, unix.EACCES)

	// What a listing says of inodes and types, stat says too.
	entries, err := os.ReadDir(m.path(filepath.Join(top, "dev")))
	must(t, err)
	if len(entries) != 3 || entries[0].Type() != os.ModeNamedPipe || entries[1].Type() != os.ModeDevice|os.ModeCharDevice {
		t.Errorf("listing of dev: %v", entries)
	}
}

func TestContents(t *testing.T) {
	m := mount(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB: many requests
	must(t, os.WriteFile(filepath.Join(m.tree, dirA, "layerfs/big"), big, 0o644))
	m.ctl("revision")
	got, err := os.ReadFile(m.path(dirA + "/layerfs/big"))
	if err != nil || !bytes.Equal(got, big) {
		t.Errorf("read %d bytes, %v; want the %d of the tree", len(got), err, len(big))
	}
	fd, err := unix.Open(m.path(dirA+"/layerfs/etc/hello"), unix.O_RDONLY, 0)
	must(t, err)
	defer unix.Close(fd)
	_, err = unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	wantErrno(t, "ioctl", err, unix.ENOTTY)
}

func TestPermissionsOfAPlainUser(t *testing.T) {
	cases := []struct {
		args               []string
		allowed, worldwide bool
	}{
		{[]string{"cat", "etc/hello"}, true, true},
		{[]string{"cat", "etc/shadow"}, false, true},
		{[]string{"cat", "etc/private"}, false, true},
		{[]string{"ls", "etc"}, true, true},
		{[]string{"ls", "root"}, false, true},
		{[]string{"cat", "root/inside"}, false, true},
		{[]string{"ls", "group"}, false, true},
		{[]string{"stat", "etc/shadow"}, true, true},
	}
	for _, mode := range []string{"default", "world-readable"} {
		t.Run(mode, func(t *testing.T) {
			var flags []string
			if mode == "world-readable" {
				flags = []string{"--world-readable"}
			}
			m := mount(t, flags...)
			for _, c := range cases {
				want := c.allowed
				if mode == "world-readable" {
					want = c.worldwide
				}
				out, err := asNobody(c.args[0], m.path(filepath.Join(dirA, "layerfs", c.args[1])))
				if (err == nil) != want {
					t.Errorf("%v: %v (%s), want allowed %v", c.args, err, out, want)
				}
				if err != nil && !strings.Contains(out, "Permission denied") {
					t.Errorf("%v: %s, want EACCES", c.args, out)
				}
			}
		})
	}
}

func TestSymlinksExpand(t *testing.T) {
	m := mount(t)
	name := m.path(dirA + "/layerfs/etc/variable")
	target, err := os.Readlink(name)
	must(t, err)
	if want := "/opt/site/default/x"; target != want {
		t.Errorf("readlink %q, want %q", target, want)
	}
	if info, err := os.Lstat(name); err != nil || info.Size() != int64(len(target)) {
		t.Errorf("lstat: size %d, %v; want the %d of the target", info.Size(), err, len(target))
	}
	buf := make([]byte, 256)
	n, err := unix.Lgetxattr(name, "xfsroot.rawlink", buf)
	must(t, err)
	if raw := string(buf[:n]); raw != "/opt/$(STANDIN_SITE)/$(STANDIN_NONE:-default)/x" {
		t.Errorf("raw link %q", raw)
	}
	_, err = unix.Lgetxattr(name, "trusted.catalog_counters", buf)
	wantErrno(t, "another attribute of a symlink", err, unix.ENODATA)
	_, err = unix.Lgetxattr(m.path(dirA+"/layerfs/etc/hello"), "xfsroot.rawlink", buf)
	wantErrno(t, "raw link of a file", err, unix.ENODATA)
}

func TestMagicAttributes(t *testing.T) {
	m := mount(t, "--fqrn", "images.example.org", "--revision", "41")
	hello := filepath.Join(m.tree, dirA, "layerfs/etc/hello")
	must(t, unix.Setxattr(hello, "user.mine", []byte("x"), 0))
	must(t, unix.Setxattr(hello, "trusted.mine", []byte("x"), 0))

	identity := func(dir string) cvmfs.Identity {
		t.Helper()
		root, err := unix.Open(m.root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		defer unix.Close(root)
		fd, err := unix.Open(m.path(dir), unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		defer unix.Close(fd)
		id, err := cvmfs.ReadIdentity(root, fd)
		must(t, err)
		return id
	}
	a, b := identity(dirA+"/layerfs"), identity(dirB+"/layerfs")
	if a.Repository != "images.example.org" || a.Revision != 41 || len(a.RootHash) != 40 || len(a.CatalogHash) != 40 {
		t.Errorf("identity %+v", a)
	}
	if a.CatalogHash == b.CatalogHash || a.CatalogHash == a.RootHash || a.RootHash != b.RootHash {
		t.Errorf("hashes of two layers: %+v, %+v", a, b)
	}
	if below := identity(dirA + "/layerfs/etc"); below != a {
		t.Errorf("beneath the layer %+v, want %+v", below, a)
	}
	if above := identity(dirA); above.CatalogHash != above.RootHash {
		t.Errorf("above the layer directory %+v: want the root's catalogue", above)
	}
	m.ctl("revision")
	if next := identity(dirA + "/layerfs"); next.CatalogHash != a.CatalogHash || next.Revision != 42 || next.RootHash == a.RootHash {
		t.Errorf("next revision, layer unchanged: %+v, was %+v", next, a)
	}
	must(t, os.WriteFile(hello, []byte("changed"), 0o644))
	m.ctl("revision")
	if next := identity(dirA + "/layerfs"); next.CatalogHash == a.CatalogHash {
		t.Error("catalogue hash stays when the layer changes")
	}
	if next := identity(dirB + "/layerfs"); next.CatalogHash != b.CatalogHash {
		t.Error("catalogue hash changes with another layer")
	}

	buf := make([]byte, 256)
	for _, name := range []string{"", dirA, dirA + "/layerfs/etc/hello"} {
		n, err := unix.Listxattr(m.path(name), buf)
		must(t, err)
		if want := name == ""; (n > 0) != want {
			t.Errorf("listxattr of %q: %q", name, buf[:n])
		}
	}
	for _, attr := range []string{"user.mine", "trusted.mine", "security.capability", "user.fqrn"} {
		_, err := unix.Getxattr(m.path(dirA+"/layerfs/etc/hello"), attr, buf)
		wantErrno(t, attr, err, unix.ENODATA)
	}
	if out, err := asNobody("getfattr", "-n", "user.catalog_counters", m.path(dirA+"/layerfs")); err != nil {
		t.Errorf("a plain user reads the identity: %v: %s", err, out)
	}
}
