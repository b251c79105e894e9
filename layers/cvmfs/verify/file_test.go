package verify

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestChanged reads files that are no longer as they were when their size was
// asked for.
func TestChanged(t *testing.T) {
	const body = "ten bytes."
	for _, tc := range []struct{ name, now, want string }{
		{"not", body, ""},
		{"shorter", "nine byte", "9"},
		{"longer", body + body, "more than 10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd := openPath(t, func(path string) error { return os.WriteFile(path, []byte(tc.now), 0o644) })
			want := &node{mode: unix.S_IFREG | 0o644, size: int64(len(body)), sum: sha256.Sum256([]byte(body))}
			c := &comparison{ctx: context.Background()}
			got, err := c.file(fd, "f", want.size, want)
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == "" && len(got) == 0 {
				return
			}
			if len(got) != 1 || got[0].What != Size || got[0].Repository != tc.want {
				t.Errorf("differences %v, want a size of %s", got, tc.want)
			}
		})
	}
}

// openPath opens a new file as entry does.
func openPath(t *testing.T, write func(path string) error) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := write(path); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestLarge compares a file that is larger than a test may take of memory or
// disk: all of it a hole but for one byte.
func TestLarge(t *testing.T) {
	const size = 1 << 26
	sparse := func(at int64) int {
		return openPath(t, func(path string) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := f.Truncate(size); err != nil {
				return err
			}
			_, err = f.WriteAt([]byte{1}, at)
			return err
		})
	}
	c := &comparison{ctx: context.Background()}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, sum, err := c.read(sparse(size/2), size)
	if err != nil || n != size {
		t.Fatalf("read %d bytes, error %v", n, err)
	}
	want := &node{mode: unix.S_IFREG, size: size, sum: sum}
	for at, differs := range map[int64]bool{size / 2: false, size - 1: true} {
		got, err := c.file(sparse(at), "f", size, want)
		if err != nil || (len(got) == 1) != differs {
			t.Errorf("byte at %d: differences %v, error %v", at, got, err)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("%d bytes of memory for files of %d", took, size)
	}
}

func TestFailures(t *testing.T) {
	c := &comparison{}
	for i := range maxFailures {
		if !c.fail() {
			t.Fatalf("given up after %d failures", i)
		}
	}
	if c.fail() {
		t.Errorf("not given up after %d failures", maxFailures+1)
	}
}
