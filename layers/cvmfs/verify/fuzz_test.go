package verify

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

// choices turns a fuzzer's bytes into choices; there is always one more.
type choices []byte

func (c *choices) of(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := int((*c)[0])
	*c = (*c)[1:]
	return b % n
}

var (
	fuzzNames   = []string{"a", "b", "a/b", "b/c", "a/b/c", "./d", "/a/d", ".wh.a", "a/.wh..wh..opq", ".", "e/f/g", ".cvmfscatalog"}
	fuzzTargets = []string{"a", "b", "/a", "../b", "a/b", "$(HOME)", ".", "e/f"}
	fuzzModes   = []int64{0o755, 0o644, 0o4755, 0o1777, 0o700}
)

// smallTar makes a tar of a few entries, which may meet in any way.
func smallTar(t *testing.T, c *choices) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for range 1 + c.of(12) {
		h := &tar.Header{
			Name: fuzzNames[c.of(len(fuzzNames))], Mode: fuzzModes[c.of(len(fuzzModes))], ModTime: time.Unix(int64(c.of(5)), 0),
			Typeflag: []byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo, tar.TypeChar}[c.of(6)],
		}
		body := ""
		switch h.Typeflag {
		case tar.TypeReg:
			body = fmt.Sprint(c.of(40) * 1000)
			h.Size = int64(len(body))
		case tar.TypeDir:
			h.Mode |= 0o700 // else a tester that is not root cannot look into it
		case tar.TypeSymlink:
			h.Linkname = fuzzTargets[c.of(len(fuzzTargets))]
		case tar.TypeLink:
			h.Linkname = fuzzNames[c.of(len(fuzzNames))]
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// differences compares a model with a directory.
func differences(t *testing.T, root string, want *model) []string {
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var out []string
	c := &comparison{ctx: context.Background(), report: func(d Difference) { out = append(out, d.String()) }}
	if err := c.tree(fd, want); err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzDamage unpacks small tars. The model of each must be equal to what was
// unpacked, and to nothing that differs from that in one respect.
func FuzzDamage(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x05\x00\x00\x01\x01\x02\x01\x02\x00\x07\x04\x01\x00\x02\x03\x03\x03\x01\x00\x08\x01\x02\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := choices(data)
		archive := smallTar(t, &c)
		root := imagetest.TempDir(t)
		left, unpacked := unpack.Tar(context.Background(), bytes.NewReader(archive), root)
		if errors.Is(unpacked, unpack.ErrReserved) {
			return // refused by our publisher; others may have published it
		}
		want, err := readTar(context.Background(), bytes.NewReader(archive))
		if (unpacked == nil) != (err == nil) {
			t.Fatalf("unpacked with error %v, read with error %v", unpacked, err)
		}
		if err != nil || left.Devices+left.Modes > 0 {
			return
		}
		if found := differences(t, root, want); len(found) > 0 {
			t.Fatalf("undamaged: %q", found)
		}
		damage, done := damageOne(t, root, &c)
		if found := differences(t, root, want); done && len(found) == 0 {
			t.Fatalf("%s: no difference", damage)
		}
	})
}

// damageOne does one thing to one file of a tree, and says whether it is one
// that must be found.
func damageOne(t *testing.T, root string, c *choices) (what string, found bool) {
	var paths []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if path != root && filepath.Base(path) != cvmfs.CatalogFile {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		return "nothing", false
	}
	path := paths[c.of(len(paths))]
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	found = true
	switch how := c.of(4); how {
	case 0:
		what, err = "removing", os.RemoveAll(path)
	case 1:
		what, err = "adding beside", os.WriteFile(filepath.Join(filepath.Dir(path), "new"), nil, 0o644)
	case 2:
		what = "replacing"
		if err = os.RemoveAll(path); err == nil {
			err = os.Symlink("elsewhere", path)
		}
	default:
		what = "writing to"
		if found = info.Mode().IsRegular(); found {
			var data []byte
			if data, err = os.ReadFile(path); err == nil {
				err = os.WriteFile(path, append([]byte("x"), data[min(1, len(data)):]...), 0)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %q", what, path), found
}
