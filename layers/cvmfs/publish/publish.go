package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
)

// parallel is how many layers are fetched at a time: one decompresses while
// the other waits for the network.
const parallel = 2

// Status is what became of a layer.
type Status string

// All that a layer of a published image can be.
const (
	Published    Status = "published"
	AlreadyThere Status = "already there"
	Skipped      Status = "skipped"
)

// Report tells of one layer when it is done.
type Report struct {
	Digest digest.Digest
	Status Status
	Why    string // of Skipped
	// Omissions are what the tar has and the directory has not, if Published.
	Omissions unpack.Omissions
}

// Image publishes an image into dir, which is made if it is missing, and calls
// report for each different layer, never twice at once. The image's manifest
// is written last, so that what is named is there. After an error the layers
// that were finished stay.
func Image(ctx context.Context, img *source.Image, dir string, report func(Report)) error {
	if err := image(ctx, img, dir, report); err != nil {
		return fmt.Errorf("publishing %s: %w", img.Name, err)
	}
	return nil
}

func image(ctx context.Context, img *source.Image, dir string, report func(Report)) (err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(dir, dirMode), os.Chmod(dir, dirMode)); err != nil {
			return err
		}
	}
	layers := filepath.Join(dir, cvmfs.LayersDir)
	if err := mkdir(dir, layers); err != nil {
		return err
	}
	if err := mark(layers); err != nil {
		return fmt.Errorf("marking catalogue: %w", err)
	}
	if err := sweep(layers); err != nil {
		return fmt.Errorf("removing what a killed run left: %w", err)
	}
	s, err := newStage(layers)
	if err != nil {
		return fmt.Errorf("creating staging directory: %w", err)
	}
	defer func() { err = errors.Join(err, s.remove()) }()

	var once sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, layer := range img.Distinct() {
		group.Go(func() error {
			r, err := s.layer(ctx, layer, img.Config.Digest, dir)
			if err != nil {
				return fmt.Errorf("layer %s: %w", layer.Digest, err)
			}
			once.Lock()
			defer once.Unlock()
			report(r)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.describe(img, dir)
}

// layer sees to one layer.
func (s *stage) layer(ctx context.Context, layer source.Layer, config digest.Digest, dir string) (Report, error) {
	r := Report{Digest: layer.Digest}
	if layer.Skip != "" {
		r.Status, r.Why = Skipped, layer.Skip
		return r, nil
	}
	layerDir, err := layerPath(dir, layer.Digest)
	if err != nil {
		return r, err
	}
	there, err := exists(layerDir)
	if err != nil {
		return r, err
	}
	if there {
		r.Status = AlreadyThere
		return r, checkThere(layerDir, layer)
	}
	bucket := filepath.Dir(layerDir)
	if err := mkdir(dir, bucket); err != nil {
		return r, err
	}
	if err := mark(bucket); err != nil {
		return r, fmt.Errorf("marking catalogue: %w", err)
	}
	placed, omissions, err := s.publishLayer(ctx, layer, config, layerDir)
	r.Status, r.Omissions = Published, omissions
	if !placed {
		r.Status = AlreadyThere
	}
	return r, err
}

// describe notes the image in its layers and makes it known.
func (s *stage) describe(img *source.Image, dir string) error {
	unlock, err := lockTree(filepath.Join(dir, cvmfs.LayersDir))
	if err != nil {
		return err
	}
	defer unlock()
	for _, layer := range img.Distinct() {
		if layer.Skip != "" {
			continue
		}
		layerDir, err := layerPath(dir, layer.Digest)
		if err != nil {
			return err
		}
		if err := s.addOrigin(layerDir, img.Config.Digest); err != nil {
			return fmt.Errorf("noting the image in layer %s: %w", layer.Digest, err)
		}
	}
	if err := s.writeManifest(dir, img); err != nil {
		return fmt.Errorf("writing manifest: %w", err)
	}
	return nil
}

func layerPath(dir string, d digest.Digest) (string, error) {
	rel, err := cvmfs.LayerDir(d)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, rel), nil
}
