package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/server"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// Target is where an image is published.
type Target struct {
	// Dir is the tree, as it is mounted or as it lies on disk.
	Dir string
	// Server is set if Dir is a repository that a CVMFS server on this machine
	// publishes, and no transaction is open. Layers are then staged elsewhere
	// and ingested, one revision each; the records follow in one transaction.
	Server *server.Repository
	// Transaction says that Dir is in an open transaction of a CVMFS server.
	// Layers with whiteouts are refused: the server would lose them.
	Transaction bool
}

// run publishes one image.
type run struct {
	Target
	*stage

	// A server has one transaction at a time, and its union is not there while
	// it publishes.
	ingesting sync.Mutex
	mu        sync.Mutex
	records   map[digest.Digest]cvmfs.LayerMetadata // to be written in the transaction
}

// newRun makes the staging directory. For a server's repository it is outside
// of it, in TMPDIR or /var/tmp: what is in the repository when a transaction
// is published is published.
func newRun(t Target) (*run, error) {
	r := &run{Target: t, records: map[digest.Digest]cvmfs.LayerMetadata{}}
	var err error
	if t.Server == nil {
		r.stage, err = openTree(t.Dir)
		return r, err
	}
	temp := os.Getenv("TMPDIR")
	if temp == "" {
		temp = "/var/tmp"
	}
	path, err := os.MkdirTemp(temp, "cvmfs-layers-")
	if err != nil {
		return nil, fmt.Errorf("creating staging directory: %w", err)
	}
	r.stage = &stage{path: path}
	return r, nil
}

// openTree makes what is missing at the top of a tree, deletes what killed
// runs left there, and makes a staging directory.
func openTree(dir string) (*stage, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(dir, dirMode), os.Chmod(dir, dirMode)); err != nil {
			return nil, err
		}
	}
	layers := filepath.Join(dir, cvmfs.LayersDir)
	if err := mkdir(dir, layers); err != nil {
		return nil, err
	}
	if err := mark(layers); err != nil {
		return nil, fmt.Errorf("marking catalogue: %w", err)
	}
	if err := sweep(layers); err != nil {
		return nil, fmt.Errorf("removing what a killed run left: %w", err)
	}
	s, err := newStage(layers)
	if err != nil {
		return nil, fmt.Errorf("creating staging directory: %w", err)
	}
	return s, nil
}

// put makes a staged layer one of the tree. Placed is false if another run has
// meanwhile made it.
func (r *run) put(ctx context.Context, layer source.Layer, config digest.Digest, work, layerDir string, replace bool) (placed bool, err error) {
	if r.Server != nil {
		return true, r.ingest(ctx, layer, work, replace)
	}
	if err := mkdir(r.Dir, filepath.Dir(layerDir)); err != nil {
		return false, err
	}
	if err := mark(filepath.Dir(layerDir)); err != nil {
		return false, fmt.Errorf("marking catalogue: %w", err)
	}
	if err := r.describeLayer(config, work, layerDir); err != nil {
		return false, err
	}
	// What the name will stand for must be on disk before the name is.
	if err := syncTree(work); err != nil {
		return false, err
	}
	if replace {
		if err := r.setAside(layerDir); err != nil {
			return false, err
		}
	}
	return place(work, layerDir)
}

// setAside moves a layer that is not what its blob says into the staging directory.
func (r *run) setAside(layerDir string) error {
	return os.Rename(layerDir, filepath.Join(r.path, "replaced-"+filepath.Base(layerDir)))
}

// ingest has the server publish a staged layer.
func (r *run) ingest(ctx context.Context, layer source.Layer, work string, replace bool) error {
	record, err := ReadLayerMetadata(work)
	if err != nil {
		return err
	}
	at, err := cvmfs.LayerDir(layer.Digest)
	if err != nil {
		return err
	}
	r.ingesting.Lock()
	defer r.ingesting.Unlock()
	if replace {
		if err := r.Server.Delete(ctx, at); err != nil {
			return err
		}
	}
	err = r.Server.Ingest(ctx, filepath.Join(at, cvmfs.LayerFS), func(w io.Writer) error {
		return archive(ctx, w, filepath.Join(work, cvmfs.LayerFS))
	})
	if err != nil {
		return err
	}
	r.note(layer.Digest, record)
	return removeTree(work)
}

// note keeps a record for the transaction that ends the run.
func (r *run) note(d digest.Digest, record cvmfs.LayerMetadata) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records[d] = record
}

// describe makes the image known in the tree.
func (r *run) describe(ctx context.Context, img *source.Image) error {
	if r.Server == nil {
		return r.stage.describe(img, r.Dir)
	}
	if known, err := r.isDescribed(img); known || err != nil {
		return err
	}
	return r.Server.Transaction(ctx, func() (err error) {
		s, err := openTree(r.Dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.remove()) }()
		for d, record := range r.records {
			layerDir, err := layerPath(r.Dir, d)
			if err != nil {
				return err
			}
			if err := mkdir(r.Dir, filepath.Dir(layerDir)); err != nil {
				return err
			}
			if err := mark(filepath.Dir(layerDir)); err != nil {
				return fmt.Errorf("marking catalogue: %w", err)
			}
			if err := s.writeRecord(layerDir, record); err != nil {
				return fmt.Errorf("writing the record of layer %s: %w", d, err)
			}
		}
		return s.describe(img, r.Dir)
	})
}
