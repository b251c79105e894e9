package cvmfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

const hex = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"

func TestLayerDir(t *testing.T) {
	got, err := LayerDir("sha256:" + hex)
	if want := ".layers/a1/" + hex; got != want || err != nil {
		t.Errorf("LayerDir = %q, %v, want %q", got, err, want)
	}
	for name, d := range map[string]digest.Digest{
		"nothing":    "",
		"no algo":    hex,
		"short":      "sha256:a1b2",
		"long":       "sha256:" + hex + "00",
		"upper case": digest.Digest("sha256:" + strings.ToUpper(hex)),
		"not hex":    "sha256:" + "../../../../../../../../../../../../../../../../../../../../etc/pa",
		"sha512":     "sha512:" + hex + hex,
		"traversal":  "sha256:../" + hex,
		"newline":    "sha256:" + hex + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := LayerDir(d); !errors.Is(err, ErrInvalidDigest) || got != "" {
				t.Errorf("LayerDir(%q) = %q, %v, want ErrInvalidDigest", d, got, err)
			}
		})
	}
}

func TestSplitLayerPath(t *testing.T) {
	good := "/cvmfs/unpacked.example.org/.layers/a1/" + hex + "/layerfs"
	repository, d, err := SplitLayerPath(good)
	if repository != "/cvmfs/unpacked.example.org" || d != "sha256:"+hex || err != nil {
		t.Errorf("SplitLayerPath = %q %q %v", repository, d, err)
	}
	for _, path := range []string{
		"", "/", "layerfs", good[1:], good + "/", good + "/..", good + "/x",
		"/.layers/a1/" + hex + "/layerfs",
		"/cvmfs/r/.layers/b1/" + hex + "/layerfs",
		"/cvmfs/r/.layers/a1/" + hex[1:] + "/layerfs",
		"/cvmfs/r/../.layers/a1/" + hex + "/layerfs",
		"/cvmfs/r/layers/a1/" + hex + "/layerfs",
		"/cvmfs/r\xff/.layers/a1/" + hex + "/layerfs",
	} {
		t.Run(path, func(t *testing.T) {
			if _, _, err := SplitLayerPath(path); !errors.Is(err, ErrInvalidLayer) {
				t.Errorf("error %v, want ErrInvalidLayer", err)
			}
		})
	}
}

func FuzzSplitLayerPath(f *testing.F) {
	f.Add("/cvmfs/r/.layers/a1/" + hex + "/layerfs")
	f.Fuzz(func(t *testing.T, path string) {
		repository, d, err := SplitLayerPath(path)
		if err != nil {
			return
		}
		dir, err := LayerDir(d)
		if err != nil || repository+"/"+dir+"/"+LayerFS != path {
			t.Errorf("%q came apart as %q and %q", path, repository, d)
		}
	})
}

func TestFromFS(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{unix.ENOENT, ErrLayerUnknown},
		{unix.ENOTDIR, ErrLayerUnknown},
		{&fs.PathError{Op: "open", Path: "x", Err: unix.ENOENT}, ErrLayerUnknown},
		{unix.EIO, ErrUnavailable},
		{unix.ENOTCONN, ErrUnavailable},
		{unix.ESTALE, ErrUnavailable},
		{unix.EACCES, ErrUnavailable},
		{unix.ENAMETOOLONG, ErrUnavailable},
		{unix.EMFILE, ErrExhausted},
		{unix.ENFILE, ErrExhausted},
		{unix.ENOMEM, ErrExhausted},
		{context.DeadlineExceeded, ErrUnavailable},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			got := FromFS(c.err)
			if !errors.Is(got, c.want) || errors.Is(got, ErrUnavailable) != (c.want == ErrUnavailable) {
				t.Errorf("FromFS = %v, want %v", got, c.want)
			}
		})
	}
	if FromFS(nil) != nil {
		t.Error("no error became one")
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{"etc/shadow": "etc/shadow", "a b": "a b", "new\nline": `"new\nline"`, "\x1b[31m": `"\x1b[31m"`, "\xff": `"\xff"`} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) is %q, want %q", in, got, want)
		}
	}
}

// Whatever bytes a repository shows, what is recorded of them is what the next
// look says, too.
func TestIdentityIsRecordedAsShown(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{
		xattrFQRN: "r\xff.example.org", xattrRootHash: "\xc3", xattrCounters: "catalog_hash: a\x80b\n",
	} {
		if err := unix.Setxattr(dir, name, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := unix.Open(dir, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	shown, err := ReadIdentity(fd, fd)
	if err != nil || shown.CatalogHash == "" {
		t.Fatalf("%+v, %v", shown, err)
	}
	record, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	var recorded Identity
	if err := json.Unmarshal(record, &recorded); err != nil || recorded != shown {
		t.Errorf("%+v is recorded as %+v, %v", shown, recorded, err)
	}
}
