package beneath

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func mount(t *testing.T, source, target string) {
	t.Helper()
	kind, flags := "tmpfs", uintptr(0)
	if source != "" {
		kind, flags = "", unix.MS_BIND
	}
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		t.Fatalf("this test needs root, to mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}

func openDir(t *testing.T, path string) int {
	t.Helper()
	dir, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(dir) })
	return dir
}

func TestStep(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"dir", "mounted", "bound"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "file"), "")
	write(t, filepath.Join(root, "boundfile"), "")
	symlink(t, "dir", filepath.Join(root, "link"))
	mount(t, "", filepath.Join(root, "mounted"))
	mount(t, filepath.Join(root, "dir"), filepath.Join(root, "bound"))
	mount(t, filepath.Join(root, "file"), filepath.Join(root, "boundfile"))
	dir := openDir(t, root)
	before := openFiles(t)
	const list = unix.O_RDONLY | unix.O_DIRECTORY
	for _, tc := range []struct {
		name  string
		flags int
		want  error
		blind bool // without openat2 it is not seen
	}{
		{"dir", list, nil, false},
		{".", list, nil, false},
		{"file", unix.O_PATH, nil, false},
		{"none", unix.O_PATH, unix.ENOENT, false},
		{"link", list, errOdd, false},
		{"..", list, errOdd, false},
		{root, list, errOdd, false},
		{"mounted", list, unix.EXDEV, false},
		{"mounted", unix.O_PATH, unix.EXDEV, false},
		{"bound", list, unix.EXDEV, true},
		{"boundfile", unix.O_PATH, unix.EXDEV, true},
	} {
		for way, open := range map[string]func(int, string, int) (int, error){"openat2": Step, "step": step} {
			t.Run(way+" "+tc.name, func(t *testing.T) {
				fd, err := open(dir, tc.name, tc.flags)
				if err == nil {
					defer unix.Close(fd)
				}
				switch {
				case tc.blind && way == "step":
				case tc.want == errOdd && !Odd(err), tc.want != errOdd && !errors.Is(err, tc.want):
					t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors are left open", after-before)
	}
}

// What is no regular file is not even opened: the kernel tells of each opening.
func TestRegular(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "file"), "text")
	symlink(t, "file", filepath.Join(root, "link"))
	for _, err := range []error{
		os.Mkdir(filepath.Join(root, "dir"), 0o755),
		unix.Mkfifo(filepath.Join(root, "fifo"), 0o644),
		unix.Mknod(filepath.Join(root, "device"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))),
		unix.Mknod(filepath.Join(root, "socket"), unix.S_IFSOCK|0o644, 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := openDir(t, root)
	for name, want := range map[string]error{
		"file": nil, "dir": ErrNotRegular, "fifo": ErrNotRegular, "device": ErrNotRegular, "socket": ErrNotRegular, "link": ErrNotRegular,
	} {
		t.Run(name, func(t *testing.T) {
			watch := watchOpens(t, filepath.Join(root, name))
			path, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(path)
			fd, size, err := Regular(path)
			if !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
			opens := watch()
			if want != nil {
				if opens != 0 {
					t.Errorf("it was opened %d times", opens)
				}
				return
			}
			defer unix.Close(fd)
			if size != 4 || opens != 1 {
				t.Errorf("size %d, opened %d times, want 4 and once", size, opens)
			}
		})
	}
}

// watchOpens counts how often a file is opened from now on.
func watchOpens(t *testing.T, path string) func() int {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_DONT_FOLLOW); err != nil {
		t.Fatal(err)
	}
	return func() int {
		buf := make([]byte, 4096)
		n, err := unix.Read(fd, buf)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		return max(n, 0) / int(unsafe.Sizeof(unix.InotifyEvent{}))
	}
}
