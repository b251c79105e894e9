package beneath

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Both ways to open must refuse and accept the same.
func TestOpen(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "dir/sub/file"), "")
	write(t, filepath.Join(root, "outside"), "")
	symlink(t, "dir", filepath.Join(root, "link"))
	symlink(t, "file", filepath.Join(root, "dir/sub/filelink"))
	symlink(t, "/proc/self/root", filepath.Join(root, "dir/root"))
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	before := openFiles(t)
	for _, tc := range []struct {
		path  string
		flags int
		want  error // nil, ENOENT, or anything odd for errOdd
	}{
		{"dir", unix.O_PATH | unix.O_DIRECTORY, nil},
		{"dir/sub", unix.O_RDONLY | unix.O_DIRECTORY, nil},
		{"dir/sub/file", unix.O_RDONLY | unix.O_NOFOLLOW, nil},
		{"dir/none", unix.O_RDONLY | unix.O_DIRECTORY, unix.ENOENT},
		{"none/sub", unix.O_RDONLY | unix.O_DIRECTORY, unix.ENOENT},
		{"link", unix.O_PATH | unix.O_DIRECTORY, errOdd},
		{"link/sub", unix.O_PATH | unix.O_DIRECTORY, errOdd},
		{"dir/sub/filelink", unix.O_RDONLY | unix.O_NOFOLLOW, errOdd},
		{"dir/sub/file/more", unix.O_RDONLY, errOdd},
		{"dir/sub/file", unix.O_RDONLY | unix.O_DIRECTORY, errOdd},
		{"dir/root/etc", unix.O_PATH | unix.O_DIRECTORY, errOdd},
		{"../" + filepath.Base(root), unix.O_PATH | unix.O_DIRECTORY, errOdd},
		{root, unix.O_PATH | unix.O_DIRECTORY, errOdd},
	} {
		for name, open := range map[string]func(int, string, int) (int, error){"openat2": Open, "walk": walk} {
			t.Run(name+" "+tc.path, func(t *testing.T) {
				fd, err := open(dir, tc.path, tc.flags)
				if err == nil {
					defer unix.Close(fd)
				}
				switch {
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

var errOdd = errors.New("something odd on the way")

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}
