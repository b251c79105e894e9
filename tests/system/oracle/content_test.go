package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The hash of a large file is that of its content: with holes, without, and
// from a tar.
func TestLargeContent(t *testing.T) {
	const size = wholeSize + 3*blockSize + 17
	root := t.TempDir()
	create := func(name string, length int64, parts map[int64]string) {
		f, err := os.Create(filepath.Join(root, name))
		must(t, err, f.Truncate(length))
		for at, part := range parts {
			_, err := f.WriteAt([]byte(part), at)
			must(t, err)
		}
		must(t, f.Close())
	}
	parts := map[int64]string{5*blockSize - 1: "across", size - 3: "end"}
	create("holes", size, parts)
	create("one-off", size, map[int64]string{5 * blockSize: "across", size - 3: "end"})
	create("a-block-off", size, map[int64]string{6*blockSize - 1: "across", size - 3: "end"})
	create("zeros", size, nil)
	create("longer", size+1, parts)
	create("few-holes", size, parts)
	f, err := os.OpenFile(filepath.Join(root, "few-holes"), os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(zeros[:], 7*blockSize+5) // zeros as data
	must(t, err, f.Close())
	hashes := map[string]string{}
	for _, e := range captured(t, root).entries[1:] {
		hashes[e.Path] = e.Hash
		if len(e.Errors) > 0 || !strings.HasPrefix(e.Hash, "blocks-sha256:") {
			t.Errorf("%s: %s %v", e.Path, e.Hash, e.Errors)
		}
	}
	if hashes["/holes"] != hashes["/few-holes"] {
		t.Errorf("holes make a difference: %v", hashes)
	}
	different := map[string]bool{}
	for path, hash := range hashes {
		if path != "/few-holes" {
			different[hash] = true
		}
	}
	if len(different) != 5 {
		t.Errorf("not all different: %v", hashes)
	}
	tarred := archived(t, func(w *tar.Writer) {
		in, err := os.Open(filepath.Join(root, "holes"))
		must(t, err, w.WriteHeader(&tar.Header{Name: "holes", Size: size}))
		defer in.Close()
		_, err = io.Copy(w, in)
		must(t, err)
	})
	if got := tarred.byPath["/holes"].Hash; got != hashes["/holes"] {
		t.Errorf("from a tar: %s", got)
	}
}
