package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// broken is a file system in which each name is wrong in its own way.
type broken struct {
	fs.Inode
	name string
}

var (
	_ fs.NodeLookuper   = (*broken)(nil)
	_ fs.NodeReaddirer  = (*broken)(nil)
	_ fs.NodeGetattrer  = (*broken)(nil)
	_ fs.NodeReadlinker = (*broken)(nil)
	_ fs.NodeOpener     = (*broken)(nil)
	_ fs.NodeReader     = (*broken)(nil)
)

func (b *broken) mode() uint32 {
	switch b.name {
	case "", "empty":
		return unix.S_IFDIR | 0o755
	case "link":
		return unix.S_IFLNK | 0o777
	}
	return unix.S_IFREG | 0o644
}

func (b *broken) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	switch name {
	case "ghost":
		return nil, unix.ENOENT
	case "nolookup":
		return nil, unix.EIO
	}
	child := &broken{name: name}
	child.Getattr(ctx, nil, &fuse.AttrOut{})
	out.Attr.Mode, out.Attr.Size = child.mode(), 4
	return b.NewInode(ctx, child, fs.StableAttr{Mode: child.mode() & unix.S_IFMT}), 0
}

func (b *broken) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = b.mode(), 4
	return 0
}

func (b *broken) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	if b.name == "empty" {
		return nil, unix.EIO
	}
	file := func(name string) fuse.DirEntry { return fuse.DirEntry{Name: name, Mode: unix.S_IFREG} }
	return fs.NewListDirStream([]fuse.DirEntry{
		file("good"), file("ghost"), file("nolookup"), file("twice"), file("twice"), file("noread"), file("noopen"), file("short"),
		{Name: "empty", Mode: unix.S_IFDIR},
		{Name: "link", Mode: unix.S_IFLNK},
		{Name: "mistaken", Mode: unix.S_IFDIR},
	}), 0
}

func (b *broken) Readlink(context.Context) ([]byte, syscall.Errno) { return nil, unix.ESTALE }

func (b *broken) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if b.name == "noopen" {
		return nil, 0, unix.EACCES
	}
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (b *broken) Read(_ context.Context, _ fs.FileHandle, dest []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	content := map[string]string{"short": "abc"}[b.name]
	if content == "" {
		content = "abcd"
	}
	if b.name == "noread" {
		return nil, unix.EIO
	}
	offset = min(offset, int64(len(content)))
	return fuse.ReadResultData([]byte(content)[offset:]), 0
}

func TestCaptureErrors(t *testing.T) {
	point := t.TempDir()
	server, err := fs.Mount(point, &broken{}, &fs.Options{MountOptions: fuse.MountOptions{DisableReadDirPlus: true}})
	if err != nil {
		t.Skipf("mounting FUSE: %v", err)
	}
	defer server.Unmount()
	got := captured(t, point)
	tests := []struct{ path, kind, errors string }{
		{"/", kindDir, "none"},
		{"/good", kindFile, "none"},
		{"/ghost", kindGhost, "none"},
		{"/nolookup", kindUnknown, "stat EIO"},
		{"/twice", kindFile, "readdir listed twice"},
		{"/noread", kindFile, "read EIO"},
		{"/noopen", kindFile, "open EACCES"},
		{"/short", kindFile, "read 3 bytes of 4"},
		{"/empty", kindDir, "readdir EIO"},
		{"/link", kindSymlink, "readlink ESTALE"},
		{"/mistaken", kindFile, "readdir listed as dir"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			e := got.byPath[test.path]
			if e == nil || e.Type != test.kind {
				t.Fatalf("got %v", e)
			}
			if have := failures(withoutXattrs(e.Errors)); have != test.errors {
				t.Errorf("got %s instead of %s", have, test.errors)
			}
		})
	}
	if len(got.entries) != len(tests) {
		t.Errorf("%d entries", len(got.entries))
	}
}

// apart runs a test in a thread that is not used again.
func apart(t *testing.T, test func(*testing.T, string)) {
	root := t.TempDir()
	must(t, os.Chmod(filepath.Dir(root), 0o755), os.Chmod(root, 0o777))
	t.Run("apart", func(t *testing.T) {
		runtime.LockOSThread()
		test(t, root)
	})
}

func TestCaptureForbidden(t *testing.T) { apart(t, forbidden) }

func forbidden(t *testing.T, root string) {
	if os.Getuid() == 0 {
		must(t, unix.Setfsuid(65534)) // without what lets root read everything
	}
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("unreadable"), "abc", 0)
	for _, dir := range []string{"unlistable", "unsearchable"} {
		must(t, os.Mkdir(at(dir), 0o700))
		write(t, at(dir+"/f"), "", 0o644)
	}
	must(t, os.Chmod(at("unlistable"), 0o300), os.Chmod(at("unsearchable"), 0o400))
	t.Cleanup(func() { os.Chmod(at("unlistable"), 0o700); os.Chmod(at("unsearchable"), 0o700) })
	got := captured(t, root)
	for path, want := range map[string]string{
		"/unreadable": "open EACCES", "/unlistable": "open EACCES", "/unsearchable": "none", "/unsearchable/f": "stat EACCES",
	} {
		if e := got.byPath[path]; e == nil || failures(e.Errors) != want {
			t.Errorf("%s: got %v", path, e)
		}
	}
	if len(got.entries) != 5 {
		t.Errorf("%d entries", len(got.entries))
	}
}

func TestCaptureMounts(t *testing.T) { apart(t, mounts) }

func mounts(t *testing.T, root string) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	at := func(name string) string { return filepath.Join(root, name) }
	must(t, os.Mkdir(at("dir"), 0o755), os.Mkdir(at("dir/same"), 0o755), os.Mkdir(at("dir/tmp"), 0o755))
	for _, name := range []string{"file", "covered", "dir/same/f"} {
		write(t, at(name), "", 0o644)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(at("dir"), at("dir/same"), "", unix.MS_BIND, ""), // of the same device
		unix.Mount("tmpfs", at("dir/tmp"), "tmpfs", 0, ""),
		unix.Mount(at("file"), at("covered"), "", unix.MS_BIND, ""))
	got := captured(t, root)
	want := map[string]string{
		"/": kindDir, "/covered": kindMount, "/dir": kindDir, "/dir/same": kindMount, "/dir/tmp": kindMount,
		"/file": kindFile,
	}
	for path, kind := range want {
		if e := got.byPath[path]; e == nil || e.Type != kind {
			t.Errorf("%s: got %v", path, e)
		}
	}
	if len(got.entries) != len(want) {
		t.Errorf("%d entries", len(got.entries))
	}
	// An older kernel is asked otherwise, with the same answer.
	info, err := os.ReadFile("/proc/thread-self/mountinfo")
	must(t, err)
	if table := parseMounts(info, root); len(table) != 3 || !table["/covered"] || !table["/dir/same"] || !table["/dir/tmp"] {
		t.Errorf("mountinfo: %v", table)
	}
	if got := fmt.Sprint(parseMounts([]byte("1 2 3:4 / /a\\040b/c\\012 rw\n"), "/a b")); got != "map[/c\n:true]" {
		t.Errorf("escaped: %q", got)
	}
}

func TestCaptureAsRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("file"), "", 0o644)
	if err := unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skipf("making a device: %v", err)
	}
	must(t, unix.Mknod(at("disk"), unix.S_IFBLK|0o660, int(unix.Mkdev(259, 300))), os.Lchown(at("file"), 7, 4000000000))
	setXattr(t, at("file"), capability, []byte("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	got := captured(t, root)
	if null, disk := got.byPath["/null"], got.byPath["/disk"]; null.Type+null.Rdev+disk.Type+disk.Rdev != "char1:3block259:300" {
		t.Errorf("devices: %v, %v", null, disk)
	}
	if e := got.byPath["/file"]; *e.UID != 7 || *e.GID != 4000000000 || len(e.Xattrs[capability]) != 40 {
		t.Errorf("file: %v", e)
	}
}
