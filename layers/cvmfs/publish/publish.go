package publish

import (
	"context"
	"errors"
	"fmt"
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
	Repaired     Status = "repaired" // its record, that is
	Replaced     Status = "replaced" // it was not what its blob says
	Skipped      Status = "skipped"
)

// Report tells of one layer when it is done.
type Report struct {
	Digest digest.Digest
	Status Status
	Why    string // of Skipped, Repaired and Replaced
	// Omissions are what the tar has and the directory has not, if Published or Replaced.
	Omissions unpack.Omissions
}

// Image publishes an image into dir, a plain directory that is made if it is
// missing.
func Image(ctx context.Context, img *source.Image, dir string, report func(Report)) error {
	return Into(ctx, img, Target{Dir: dir}, report)
}

// Into publishes an image, and calls report for each different layer, never
// twice at once. The image's manifest is written last, so that what is named is
// there. After an error the layers that were finished stay.
func Into(ctx context.Context, img *source.Image, target Target, report func(Report)) error {
	if err := publish(ctx, img, target, report); err != nil {
		return fmt.Errorf("publishing %s: %w", img.Name, err)
	}
	return nil
}

func publish(ctx context.Context, img *source.Image, target Target, report func(Report)) (err error) {
	r, err := newRun(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.remove()) }()

	var once sync.Mutex
	group, layers := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, layer := range img.Distinct() {
		group.Go(func() error {
			done, err := r.layer(layers, layer, img.Config.Digest)
			if err != nil {
				return fmt.Errorf("layer %s: %w", layer.Digest, err)
			}
			once.Lock()
			defer once.Unlock()
			report(done)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.describe(ctx, img)
}

// layer sees to one layer.
func (r *run) layer(ctx context.Context, layer source.Layer, config digest.Digest) (Report, error) {
	out := Report{Digest: layer.Digest}
	if layer.Skip != "" {
		out.Status, out.Why = Skipped, layer.Skip
		return out, nil
	}
	layerDir, err := layerPath(r.Dir, layer.Digest)
	if err != nil {
		return out, err
	}
	there, err := r.look(layerDir, layer)
	if errors.Is(err, errRecord) {
		return r.repair(ctx, layer, config, layerDir, err)
	}
	if there || err != nil {
		out.Status = AlreadyThere
		return out, err
	}
	placed, omissions, err := r.publishLayer(ctx, layer, config, layerDir, false)
	out.Status, out.Omissions = Published, omissions
	if !placed {
		out.Status = AlreadyThere
	}
	return out, err
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
	return syncTree(dir)
}

func layerPath(dir string, d digest.Digest) (string, error) {
	rel, err := cvmfs.LayerDir(d)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, rel), nil
}
