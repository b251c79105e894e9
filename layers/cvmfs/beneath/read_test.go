package beneath

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Both ways to read take regular files only, and no more of them than asked
// for; nothing blocks and nothing is left open.
func TestRead(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "ten"), strings.Repeat("x", 10))
	write(t, filepath.Join(root, "eleven"), strings.Repeat("x", 11))
	symlink(t, "ten", filepath.Join(root, "link"))
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(filepath.Join(root, "socket"), unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	before := openFiles(t)
	odd := func(err error) bool { return Odd(err) }
	for name, want := range map[string]func(error) bool{
		"ten":    func(err error) bool { return err == nil },
		"eleven": func(err error) bool { return errors.Is(err, ErrTooLong) },
		"none":   func(err error) bool { return errors.Is(err, os.ErrNotExist) },
		"link":   odd, "fifo": odd, "socket": odd, ".": odd,
	} {
		t.Run(name, func(t *testing.T) {
			data, err := Read(dir, name, 10)
			if !want(err) || err == nil != (len(data) == 10) {
				t.Errorf("Read: %q, %v", data, err)
			}
			data, err = ReadFile(filepath.Join(root, name), 10)
			if !want(err) || err == nil != (len(data) == 10) {
				t.Errorf("ReadFile: %q, %v", data, err)
			}
			if err != nil && !strings.Contains(err.Error(), root) {
				t.Errorf("the error does not name the path: %v", err)
			}
		})
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors are left open", after-before)
	}
}
