package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/containerd/stargz-snapshotter/estargz"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layer is one in eStargz, in a file.
type layer struct {
	file         string
	digest, diff v1.Hash
	size         int64
	annotations  map[string]string
}

// newLayer converts a layer, with files in dir.
func newLayer(dir string, from v1.Layer) (*layer, error) {
	plain, err := uncompress(dir, from)
	if err != nil {
		return nil, err
	}
	defer os.Remove(plain.Name())
	defer plain.Close()
	size, err := plain.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	blob, err := estargz.Build(io.NewSectionReader(plain, 0, size))
	if err != nil {
		return nil, fmt.Errorf("building eStargz: %w", err)
	}
	defer blob.Close()
	out, err := os.CreateTemp(dir, "layer")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	sum := sha256.New()
	l := &layer{file: out.Name()}
	if l.size, err = io.Copy(io.MultiWriter(out, sum), blob); err != nil {
		return nil, err
	}
	// The blob knows its diffID when it has been read to the end.
	if l.diff, err = v1.NewHash(blob.DiffID().String()); err != nil {
		return nil, err
	}
	l.digest = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	l.annotations = map[string]string{estargz.TOCJSONDigestAnnotation: blob.TOCDigest().String()}
	return l, nil
}

// uncompress writes a layer's tar to a file, which is to be closed.
func uncompress(dir string, from v1.Layer) (*os.File, error) {
	in, err := from.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f, err := os.CreateTemp(dir, "tar")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, in); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (l *layer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)             { return l.diff, nil }
func (l *layer) Size() (int64, error)                 { return l.size, nil }
func (l *layer) MediaType() (types.MediaType, error)  { return types.OCILayer, nil }
func (l *layer) Compressed() (io.ReadCloser, error)   { return os.Open(l.file) }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return nil, fmt.Errorf("not needed") }
