package main

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// blob is a compressed layer in a file: the library's own layers keep or
// compress everything again, which a layer of hundreds of megabytes is too
// large for. It is a v1.Layer.
type blob struct {
	path      string
	digest    v1.Hash
	diffID    v1.Hash
	size      int64
	mediaType types.MediaType
}

func (b *blob) Digest() (v1.Hash, error)            { return b.digest, nil }
func (b *blob) DiffID() (v1.Hash, error)            { return b.diffID, nil }
func (b *blob) Size() (int64, error)                { return b.size, nil }
func (b *blob) MediaType() (types.MediaType, error) { return b.mediaType, nil }
func (b *blob) Compressed() (io.ReadCloser, error)  { return os.Open(b.path) }
func (b *blob) Uncompressed() (io.ReadCloser, error) {
	return nil, fmt.Errorf("layer %s: only its compressed form is kept", b.digest)
}

// compress writes the tar to path, compressed as mediaType says.
func compress(path string, tar io.Reader, mediaType types.MediaType) (*blob, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	packed, plain := sha256.New(), sha256.New()
	w, err := compressor(io.MultiWriter(f, packed), mediaType)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.MultiWriter(w, plain), tar); err != nil {
		return nil, fmt.Errorf("compressing layer %q: %w", path, err)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &blob{path: path, digest: sum(packed), diffID: sum(plain), size: info.Size(), mediaType: mediaType}, nil
}

// literal writes a gzipped layer to path as it stands.
func literal(path, gzipped string, mediaType types.MediaType) (*blob, error) {
	if err := os.WriteFile(path, []byte(gzipped), 0o644); err != nil {
		return nil, err
	}
	packed, plain := sha256.New(), sha256.New()
	io.WriteString(packed, gzipped) // a hash takes everything
	r, err := gzip.NewReader(strings.NewReader(gzipped))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(plain, r); err != nil {
		return nil, fmt.Errorf("reading layer: %w", err)
	}
	return &blob{path: path, digest: sum(packed), diffID: sum(plain), size: int64(len(gzipped)), mediaType: mediaType}, nil
}

func compressor(w io.Writer, mediaType types.MediaType) (io.WriteCloser, error) {
	if mediaType == types.OCILayerZStd {
		return zstd.NewWriter(w)
	}
	return gzip.NewWriterLevel(w, 4)
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", h.Sum(nil))}
}
