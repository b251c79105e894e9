package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/blob"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

// exists says whether a layer's directory is complete. Something else in its
// place is ErrInvalidLayer.
func exists(layerDir string) (bool, error) {
	for _, path := range []string{layerDir, filepath.Join(layerDir, cvmfs.LayerFS)} {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !info.IsDir() {
			return false, fmt.Errorf("%w: %q is not a directory", cvmfs.ErrInvalidLayer, path)
		}
	}
	return true, nil
}

// publishLayer makes a layer that is not there, or replaces one. Placed is
// false if another run has meanwhile made it.
func (r *run) publishLayer(ctx context.Context, layer source.Layer, config digest.Digest, layerDir string, replace bool) (placed bool, o unpack.Omissions, err error) {
	work := filepath.Join(r.path, layer.Digest.Encoded())
	o, err = r.unpackLayer(ctx, layer, work)
	if err == nil {
		placed, err = r.put(ctx, layer, config, work, layerDir, replace)
	}
	if err != nil || !placed {
		return false, unpack.Omissions{}, errors.Join(err, removeTree(work))
	}
	return true, o, nil
}

// unpackLayer makes the layer's directory in the staging directory, with
// layerfs and layers.json.
func (r *run) unpackLayer(ctx context.Context, layer source.Layer, work string) (unpack.Omissions, error) {
	root := filepath.Join(work, cvmfs.LayerFS)
	if err := mkdir(r.path, root); err != nil {
		return unpack.Omissions{}, err
	}
	var omissions unpack.Omissions
	size, err := blob.Consume(ctx, layer, func(tar io.Reader) (err error) {
		omissions, err = unpack.Into(ctx, tar, root, unpack.Options{Transaction: r.Transaction})
		return err
	})
	if errors.Is(err, unpack.ErrTransaction) {
		return unpack.Omissions{}, fmt.Errorf("%w: what the layer deletes would come back; end the transaction (`cvmfs_server abort`) and run this again without one: "+
			"cvmfs-layers then publishes by `cvmfs_server ingest`, which keeps whiteouts", err)
	}
	if err != nil {
		return unpack.Omissions{}, err
	}
	return omissions, r.writeRecord(work, newRecord(layer, size))
}

// newRecord describes a layer whose tar has size bytes.
func newRecord(layer source.Layer, size int64) cvmfs.LayerMetadata {
	return cvmfs.LayerMetadata{
		ID:                   layer.DiffID.Encoded(),
		Created:              time.Now().UTC().Truncate(time.Second),
		CompressedDiffDigest: layer.Digest,
		DiffDigest:           layer.DiffID,
		DiffSize:             size,
	}
}

// writeRecord writes a layer's layers.json.
func (s *stage) writeRecord(layerDir string, record cvmfs.LayerMetadata) error {
	dir := filepath.Join(layerDir, cvmfs.MetadataDir)
	if err := mkdir(layerDir, dir); err != nil {
		return err
	}
	return s.writeJSON(filepath.Join(dir, cvmfs.LayerMetadataFile), []cvmfs.LayerMetadata{record})
}

// describeLayer writes the layer's origin.json, with the origins that a
// directory without a layerfs may have had.
func (s *stage) describeLayer(config digest.Digest, work, layerDir string) error {
	before, err := readOrigin(filepath.Join(layerDir, cvmfs.MetadataDir, cvmfs.OriginFile))
	if err != nil {
		return err
	}
	if len(before.Origin) > 0 {
		if err := s.writeJSON(filepath.Join(work, cvmfs.MetadataDir, cvmfs.OriginFile), before); err != nil {
			return err
		}
	}
	return s.addOrigin(work, config)
}

// place renames a finished layer to its name. A directory of that name without
// a layerfs is no layer: it is deleted first. If another run was faster, its
// layer stays, and placed is false.
func place(work, layerDir string) (placed bool, err error) {
	err = os.Rename(work, layerDir)
	if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return err == nil, err
	}
	if there, err := exists(layerDir); there || err != nil {
		return false, err
	}
	if err := removeTree(layerDir); err != nil {
		return false, err
	}
	err = os.Rename(work, layerDir)
	return err == nil, err
}
