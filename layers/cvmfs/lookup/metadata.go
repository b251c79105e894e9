//go:build linux

package lookup

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
)

// maxMetadata is far above the 500 bytes that DUCC writes.
const maxMetadata = 64 << 10

// readMetadata compares the publisher's own record of a layer, if there is
// one, with what is asked for. It gives the size of the uncompressed tar in
// bytes, or -1 if the record does not state both diffID and size: a size says
// that the repository vouches for the diffID. dir is the open directory that
// holds layerfs.
func readMetadata(dir int, d, diffID digest.Digest) (int64, error) {
	data, err := readRecord(dir)
	if err != nil {
		return 0, err
	}
	if data == nil {
		return -1, nil
	}
	size, err := checkMetadata(data, d, diffID)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", cvmfs.ErrMismatch, recordName, err)
	}
	return size, nil
}

// Record reads the publisher's own record of a layer as it stands; dir is the
// open directory that holds layerfs. An older layer may have none: nil. One
// that cannot be right is cvmfs.ErrMismatch.
func Record(dir int) (*cvmfs.LayerMetadata, error) {
	data, err := readRecord(dir)
	if data == nil || err != nil {
		return nil, err
	}
	r, err := parseRecord(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", cvmfs.ErrMismatch, recordName, err)
	}
	return &r, nil
}

var recordName = filepath.Join(cvmfs.MetadataDir, cvmfs.LayerMetadataFile)

// readRecord gives the record's text, or nil if there is none.
func readRecord(dir int) ([]byte, error) {
	data, err := beneath.Read(dir, recordName, maxMetadata)
	switch {
	case errors.Is(err, unix.ENOENT): // older layers have none
		return nil, nil
	case beneath.Odd(err), errors.Is(err, beneath.ErrTooLong):
		return nil, fmt.Errorf("%w: %s: %w", cvmfs.ErrMismatch, recordName, err)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", recordName, cvmfs.FromFS(err))
	}
	return data, nil
}

func parseRecord(data []byte) (cvmfs.LayerMetadata, error) {
	var records []cvmfs.LayerMetadata
	if err := json.Unmarshal(data, &records); err != nil {
		return cvmfs.LayerMetadata{}, err
	}
	if len(records) != 1 {
		return cvmfs.LayerMetadata{}, fmt.Errorf("%d records in place of one", len(records))
	}
	return records[0], nil
}

// checkMetadata reads a record and says in which point it differs from the
// layer that is asked for. A field that the publisher left out says nothing.
func checkMetadata(data []byte, d, diffID digest.Digest) (size int64, err error) {
	r, err := parseRecord(data)
	if err != nil {
		return 0, err
	}
	switch {
	case r.CompressedDiffDigest != "" && r.CompressedDiffDigest != d:
		return 0, fmt.Errorf("it is of layer %q", r.CompressedDiffDigest)
	case r.DiffDigest != "" && r.DiffDigest != diffID:
		return 0, fmt.Errorf("its diffID is %q, the image's %q", r.DiffDigest, diffID)
	case r.DiffSize < 0, r.DiffSize > cvmfs.MaxDiffSize:
		return 0, fmt.Errorf("its size is %d", r.DiffSize)
	case r.DiffSize == 0, r.DiffDigest == "": // no tar is that short: the field was left out
		return -1, nil
	}
	return r.DiffSize, nil
}
