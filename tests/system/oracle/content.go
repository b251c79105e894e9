package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// A file of more than wholeSize bytes is hashed by its blocks that are not all
// zeros, each with its place: the same with and without holes, and quick for
// gigabytes of zeros.
const (
	blockSize = 1 << 20
	wholeSize = 256 << 20
)

var zeros [blockSize]byte

// hasher takes a file's content, and its size in advance.
type hasher struct {
	hash   hash.Hash
	blocks bool
	size   int64 // read so far
}

func newHasher(size int64) *hasher {
	return &hasher{hash: sha256.New(), blocks: size > wholeSize}
}

// block takes the next block: blockSize bytes, less only at the end.
func (h *hasher) block(b []byte) {
	switch {
	case !h.blocks:
		h.hash.Write(b)
	case !bytes.Equal(b, zeros[:len(b)]):
		var place [16]byte
		binary.BigEndian.PutUint64(place[:], uint64(h.size))
		binary.BigEndian.PutUint64(place[8:], uint64(len(b)))
		h.hash.Write(place[:])
		h.hash.Write(b)
	}
	h.size += int64(len(b))
}

func (h *hasher) sum() string {
	digest := string(digest.NewDigest(digest.SHA256, h.hash))
	if h.blocks {
		return fmt.Sprintf("blocks-%s-%d", digest, h.size)
	}
	return digest
}

// content records a file's hash. Its size is what looking it up said: content
// that ends before or goes on is an error.
func (w *walker) content(e *entry, d *dir, name string) {
	// Should it be a fifo by now, don't wait for who writes to it.
	fd, err := openat(d.fd, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		e.Errors = append(e.Errors, failure("open", err))
		return
	}
	defer unix.Close(fd)
	h := newHasher(*e.Size)
	if err := readAll(fd, h, w.buf, *e.Size); err != nil {
		e.Errors = append(e.Errors, failure("read", err))
		return
	}
	if h.size != *e.Size {
		e.Errors = append(e.Errors, fault{"read", fmt.Sprintf("%d bytes of %d", h.size, *e.Size)})
	}
	e.Hash = h.sum()
}

func readAll(fd int, h *hasher, buf []byte, size int64) error {
	for {
		if h.blocks {
			// Data behind a hole that isn't one is missed, so the hash will differ: as it will for who copies the file.
			if err := skipHole(fd, h, size); err != nil {
				return err
			}
		}
		n, err := readBlock(fd, buf[:blockSize])
		if err != nil {
			return err
		}
		if n > 0 {
			h.block(buf[:n])
		}
		if n < blockSize {
			return nil
		}
	}
}

// skipHole moves on by whole blocks that lie in a hole.
func skipHole(fd int, h *hasher, size int64) error {
	data, err := unix.Seek(fd, h.size, unix.SEEK_DATA)
	if err == unix.ENXIO { // no data from here to the end
		data, err = size, nil
	}
	if err == nil && data > h.size {
		h.size += (data - h.size) / blockSize * blockSize
	}
	// A file system without holes may not know the question.
	_, err = unix.Seek(fd, h.size, io.SeekStart)
	return err
}

// readBlock fills b, less only at the end of the file.
func readBlock(fd int, b []byte) (int, error) {
	filled := 0
	for filled < len(b) {
		n, err := retry(func() (int, error) { return unix.Read(fd, b[filled:]) })
		if err != nil {
			return filled, err
		}
		if n == 0 {
			break
		}
		filled += n
	}
	return filled, nil
}
