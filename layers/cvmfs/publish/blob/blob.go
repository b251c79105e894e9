// Package blob reads a layer's blob as a stream, once: decompressed for who uses
// its tar, and held against the layer's digest, size and diffID on the way.
package blob

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// counted reads, hashes and counts, until the context ends.
type counted struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	n    int64
}

func newCounted(ctx context.Context, r io.Reader) *counted {
	return &counted{ctx: ctx, r: r, hash: digest.SHA256.Hash()}
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	return n, err
}

func (c *counted) digest() digest.Digest {
	return digest.NewDigest(digest.SHA256, c.hash)
}

// Consume gives the layer's tar to use, and then holds what was read against
// the layer's digest, size and diffID. It returns the tar's size in bytes. An
// error of use's counts only if the blob is the right one: a damaged blob often
// shows first as a damaged tar.
func Consume(ctx context.Context, layer source.Layer, use func(io.Reader) error) (int64, error) {
	r, err := layer.Open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	blob := newCounted(ctx, io.LimitReader(r, limit(layer)))
	tar, err := consumeTar(blob, layer.DiffID, use)
	if err != nil && isLocal(err) {
		return 0, err
	}
	if mismatch := checkBlob(blob, layer); mismatch != nil {
		return 0, mismatch
	}
	return tar, err
}

// limit is one byte more than the blob may have: enough to see that it is too long.
func limit(layer source.Layer) int64 {
	if layer.Uncompressed {
		return 1<<63 - 1
	}
	return layer.Size + 1
}

// isLocal says that an error tells of this machine whatever the blob holds, so
// that no more of it need be read.
func isLocal(err error) bool {
	for _, local := range []error{
		context.Canceled, context.DeadlineExceeded, unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO,
	} {
		if errors.Is(err, local) {
			return true
		}
	}
	return false
}

// consumeTar decompresses the blob and reads its tar to the end, beyond the
// end of the archive too, since the diffID covers all.
func consumeTar(blob io.Reader, diffID digest.Digest, use func(io.Reader) error) (int64, error) {
	plain, err := decompress(blob)
	if err != nil {
		return 0, err
	}
	defer plain.Close()
	tar := newCounted(context.Background(), plain)
	if err := use(tar); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, tar); err != nil {
		return 0, fmt.Errorf("reading layer: %w", err)
	}
	if got := tar.digest(); got != diffID {
		return 0, fmt.Errorf("%w: the tar is %s and the config names %s", cvmfs.ErrMismatch, got, diffID)
	}
	return tar.n, nil
}

// checkBlob reads what is left of the blob and compares.
func checkBlob(blob *counted, layer source.Layer) error {
	_, err := io.Copy(io.Discard, blob)
	if layer.Uncompressed {
		return err
	}
	if got := blob.digest(); blob.n >= layer.Size && got != layer.Digest {
		return fmt.Errorf("%w: the blob is %s and the manifest names %s", cvmfs.ErrMismatch, got, layer.Digest)
	}
	// go-containerregistry checks what it gets from a registry, and has no
	// exported error for a blob that is too short.
	if err != nil && strings.HasPrefix(err.Error(), "error verifying") {
		return fmt.Errorf("%w: %w", cvmfs.ErrMismatch, err)
	}
	if err != nil {
		return fmt.Errorf("reading layer: %w", err)
	}
	if blob.n != layer.Size {
		return fmt.Errorf("%w: the blob has %d bytes and the manifest names %d", cvmfs.ErrMismatch, blob.n, layer.Size)
	}
	return nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// tarBlock is the size of a tar's header.
const tarBlock = 512

// unsupported are compressions that this package does not read, by their first
// bytes. Pulls read some of them.
var unsupported = []struct{ magic, name string }{
	{"\xfd7zXZ\x00", "xz"},
	{"BZh", "bzip2"},
	{"\x04\x22\x4d\x18", "lz4"},
	{"\x5d\x00\x00", "lzma"},
	{"\x1f\x9d", "compress"},
}

// ErrCompression says that a layer's blob is compressed in a way that cannot be read here.
var ErrCompression = errors.New("unsupported compression")

// decompress looks at the bytes and not at the media type, as pulls do: there
// are manifests whose type names another compression.
func decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	start, err := buffered.Peek(tarBlock)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading layer: %w", err)
	}
	switch {
	case bytes.HasPrefix(start, gzipMagic):
		plain, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("reading gzip: %w", err)
		}
		return plain, nil
	case bytes.HasPrefix(start, zstdMagic), isSkippable(start):
		plain, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("reading zstd: %w", err)
		}
		return plain.IOReadCloser(), nil
	}
	if !isTar(start) {
		for _, u := range unsupported {
			if bytes.HasPrefix(start, []byte(u.magic)) {
				return nil, fmt.Errorf("%w %s: layers must be compressed with gzip or zstd, or not at all; push the image again with one of these",
					ErrCompression, u.name)
			}
		}
	}
	return io.NopCloser(buffered), nil
}

// isTar says that a block begins an archive: a name may begin with any of the
// bytes that a compression has first.
func isTar(block []byte) bool {
	return len(block) == tarBlock && string(block[257:262]) == "ustar"
}

// isSkippable knows a zstd frame that holds no data and may come first
// (RFC 8878, section 3.1.2).
func isSkippable(b []byte) bool {
	return len(b) >= 4 && b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18
}
