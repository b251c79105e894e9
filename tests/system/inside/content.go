package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// content is what a file of the image holds: numbers that depend on seed and
// place, so that any byte that is wrong or in a wrong place shows.
type content struct {
	seed  uint64
	size  int64
	shift uint // 1<<shift bytes of the same number follow each other: 3, or more for what must compress
}

// mix is a bijection that spreads its argument (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// ReadAt gives the content's bytes; it implements io.ReaderAt.
func (c content) ReadAt(buf []byte, off int64) (int, error) {
	n := int(min(int64(len(buf)), max(c.size-off, 0)))
	var word [8]byte
	for i := 0; i < n; {
		at := uint64(off) + uint64(i)
		binary.LittleEndian.PutUint64(word[:], mix(c.seed<<40^at>>c.shift))
		i += copy(buf[i:n], word[at&7:])
	}
	if n < len(buf) {
		return n, io.EOF
	}
	return n, nil
}

func (c content) reader() io.Reader { return io.NewSectionReader(c, 0, c.size) }

func (c content) bytes() []byte {
	buf := make([]byte, c.size)
	_, _ = c.ReadAt(buf, 0)
	return buf
}

// same compares what r gives with the content, to its end.
func (c content) same(r io.Reader) error {
	got, want := make([]byte, 256<<10), make([]byte, 256<<10)
	for off := int64(0); ; {
		n, err := io.ReadFull(r, got)
		w, _ := c.ReadAt(want, off)
		if !bytes.Equal(got[:n], want[:w]) {
			return fmt.Errorf("wrong content in the %d bytes at %d (expected %d)", n, off, w)
		}
		off += int64(n)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return fmt.Errorf("reading at %d: %w", off, err)
		}
	}
}

func (c content) sameFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.same(f)
}
