package verify

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// TestMemory holds what a model takes to what the package promises, with as
// many names in a directory and of such length as in a distribution's layers.
func TestMemory(t *testing.T) {
	const dirs, files, promised = 5000, 10, 250
	r, w := io.Pipe()
	go func() {
		out := tar.NewWriter(w)
		for d := range dirs {
			_ = out.WriteHeader(&tar.Header{Name: fmt.Sprintf("usr/share/some-package-%d/", d), Typeflag: tar.TypeDir})
			for f := range files {
				_ = out.WriteHeader(&tar.Header{Name: fmt.Sprintf("usr/share/some-package-%d/some-file-%d.txt", d, f), Typeflag: tar.TypeReg})
			}
		}
		w.CloseWithError(out.Close())
	}()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, err := readTar(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perPath := (after.HeapAlloc - before.HeapAlloc) / uint64(m.paths)
	t.Logf("%d paths, %d bytes each", m.paths, perPath)
	if m.paths != dirs*(files+1) || perPath > promised {
		t.Errorf("%d paths took %d bytes each, promised are %d", m.paths, perPath, promised)
	}
	runtime.KeepAlive(m)
}
