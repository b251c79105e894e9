//go:build linux
// +build linux

package archive

import (
	"archive/tar"
	"bytes"
	"math/rand"
	"os"
	"runtime"
	"testing"
	"time"
)

// damaged is a layer of a large file and an entry that leads out, so that its
// decompressor has more to give when unpacking ends with an error.
func damaged(t *testing.T, compression Compression) []byte {
	t.Helper()
	large := make([]byte, 4<<20)
	rand.New(rand.NewSource(1)).Read(large)
	layer := bytes.Buffer{}
	compressor, err := CompressStream(&layer, compression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(compressor)
	for _, hdr := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "first", Size: 1},
		{Typeflag: tar.TypeReg, Name: "../outside", Size: int64(len(large))},
	} {
		if err := w.WriteHeader(&hdr); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(large[:hdr.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		t.Fatal(err)
	}
	return layer.Bytes()
}

// A layer that cannot be unpacked leaves neither descriptors nor goroutines.
func TestApplyLayerCloses(t *testing.T) {
	for name, compression := range map[string]Compression{"none": Uncompressed, "gzip": Gzip, "zstd": Zstd} {
		t.Run(name, func(t *testing.T) {
			layer := damaged(t, compression)
			open := func() int {
				fds, err := os.ReadDir("/proc/self/fd")
				if err != nil {
					t.Fatal(err)
				}
				return len(fds) + runtime.NumGoroutine()
			}
			const rounds = 20
			before := open()
			for i := 0; i < rounds; i++ {
				if _, err := ApplyLayer(t.TempDir(), bytes.NewReader(layer)); err == nil {
					t.Fatal("a damaged layer was unpacked")
				}
			}
			left := 0
			for i := 0; i < 50; i++ { // what ends, ends soon
				if left = open() - before; left < rounds {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("%d descriptors and goroutines are left of %d layers", left, rounds)
		})
	}
}
