package view

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// A path may be longer than any call takes at once (PATH_MAX, 4096 bytes): no
// tool makes such a layer from a tar, but a directory tree may hold it.
func TestServedDeep(t *testing.T) {
	const depth, name = 60, "directory-%03d-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789"
	layers := []spec.Layer{tree(t, "top"), tree(t, "bottom")}
	for i, l := range layers {
		dir := descend(t, l.Path, depth, name, true)
		fd, err := unix.Openat(dir, fmt.Sprint("file-", i), unix.O_CREAT|unix.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, []byte("text")); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			err = errors.Join(unix.Mkdirat(dir, "gone", 0o755), unix.Mknodat(dir, ".wh.hidden", unix.S_IFREG|0o644, 0))
		} else {
			err = unix.Mknodat(dir, "hidden", unix.S_IFREG|0o644, 0)
		}
		if err = errors.Join(err, unix.Close(fd), unix.Close(dir)); err != nil {
			t.Fatal(err)
		}
	}
	dir := descend(t, stack(t, spec.Spec{Layers: layers}), depth, name, false)
	defer unix.Close(dir)
	for i := range layers {
		fd, err := unix.Openat(dir, fmt.Sprint("file-", i), unix.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, err := unix.Read(fd, buf); n != 4 || string(buf[:n]) != "text" {
			t.Errorf("file-%d holds %q, %v", i, buf[:max(n, 0)], err)
		}
		unix.Close(fd)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, "hidden", &st, 0); !errors.Is(err, unix.ENOENT) {
		t.Errorf("what is deleted at the bottom: %v", err)
	}
}

// descend opens, or makes and opens, a directory that many levels below root.
func descend(t *testing.T, root string, depth int, name string, create bool) int {
	t.Helper()
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY, 0)
	for i := 0; i < depth && err == nil; i++ {
		if create {
			err = unix.Mkdirat(dir, fmt.Sprintf(name, i), 0o755)
		}
		if err == nil {
			above := dir
			dir, err = unix.Openat(above, fmt.Sprintf(name, i), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
			unix.Close(above)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
