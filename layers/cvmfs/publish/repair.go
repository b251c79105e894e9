package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/verify"
)

// errRecord says that a layer's layers.json cannot be right.
var errRecord = errors.New("invalid record")

// look says whether a layer is there. If its record is not right, the error is
// errRecord. A server takes its union away for a moment when it publishes, and
// all layers with it: nobody may look then.
func (r *run) look(layerDir string, layer source.Layer) (there bool, err error) {
	if r.Server != nil {
		r.ingesting.Lock()
		defer r.ingesting.Unlock()
	}
	there, err = exists(layerDir)
	if there && err == nil {
		err = checkRecord(layerDir, layer)
	}
	return there, err
}

// compare says whether a layer's tree is what its blob says, and how large its
// tar is.
func (r *run) compare(ctx context.Context, layer source.Layer) (equal bool, size int64, err error) {
	if r.Server != nil {
		r.ingesting.Lock()
		defer r.ingesting.Unlock()
	}
	return verify.Tree(ctx, r.Dir, layer)
}

// checkRecord reads what is recorded of a layer that is there. A record that
// is missing, damaged or of another tar is errRecord: a power cut left it so, or
// another publisher got it wrong. DUCC states a wrong diffID of a tar with
// long padding at its end.
func checkRecord(layerDir string, layer source.Layer) error {
	stated, err := ReadLayerMetadata(layerDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: there is none", errRecord)
	case err != nil:
		return err
	case stated.DiffDigest != "" && stated.DiffDigest != layer.DiffID:
		return fmt.Errorf("%w: it states the diffID %s and the image's config %s", errRecord, cvmfs.Printable(string(stated.DiffDigest)), layer.DiffID)
	case stated.CompressedDiffDigest != "" && stated.CompressedDiffDigest != layer.Digest:
		return fmt.Errorf("%w: it states the digest %s", errRecord, cvmfs.Printable(string(stated.CompressedDiffDigest)))
	}
	return nil
}

// repair sees to a layer that is there and whose record is not right. The blob
// decides, which is verified itself: a tree that is equal gets a new record,
// any other is replaced.
func (r *run) repair(ctx context.Context, layer source.Layer, config digest.Digest, layerDir string, why error) (Report, error) {
	out := Report{Digest: layer.Digest, Status: Repaired, Why: why.Error()}
	equal, size, err := r.compare(ctx, layer)
	if err != nil {
		return out, fmt.Errorf("%w; comparing the layer that is there: %w", why, err)
	}
	if !equal {
		out.Status = Replaced
		_, out.Omissions, err = r.publishLayer(ctx, layer, config, layerDir, true)
		return out, err
	}
	record := newRecord(layer, size)
	if r.Server != nil {
		r.note(layer.Digest, record)
		return out, nil
	}
	return out, r.writeRecord(layerDir, record)
}
