//go:build !remote
// +build !remote

package libimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	remoteConfig "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/sirupsen/logrus"
	"go.podman.io/common/pkg/config"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/storage"
)

// remoteSource is an image of a registry that brings layers of another one, or all of its own.
type remoteSource struct {
	id   string
	name string   // as a user would say it
	refs []string // name@digest, for exactly this image
}

// MendRemoteLayers mends image, whose layers could not be used because of lost, and returns nil as soon as again does.
// Where lost says that a repository does not have a layer any more, or has another, and the configuration says that pulls
// may use repositories or download ("auto"), the image is pulled anew, and those that it was built on: that records what
// repositories have now, downloads what they have not, and leaves all names as they are. Where the configuration or
// the context says anything else, the error names the command that does so, for exactly this image: its tag may have moved. Every other error is returned as it is.
func (r *Runtime) MendRemoteLayers(ctx context.Context, image string, lost error, again func() error) error {
	if !errors.Is(lost, cvmfs.ErrLayerUnknown) && !errors.Is(lost, cvmfs.ErrMismatch) {
		return lost
	}
	sources, err := r.remoteSources(image)
	if err != nil {
		return fmt.Errorf("%w (and finding out where image %s is from: %w)", lost, image, err)
	}
	if len(sources) == 0 {
		return fmt.Errorf("%w: the repository no longer has what image %s was recorded with, and nothing tells which registry has it", lost, image)
	}
	conf, err := r.store.RemoteLayerConfig()
	if err != nil {
		return fmt.Errorf("%w (and reading the configuration: %w)", lost, err)
	}
	if conf.Pull != remoteConfig.Auto || remoteConfig.PullsNothing(ctx) {
		return fmt.Errorf("%w: the repository no longer has what image %s was recorded with: "+
			"`podman pull --cvmfs %s` records what it has now, and downloads the rest", lost, sources[0].name, sources[0].refs[0])
	}
	for _, source := range sources {
		logrus.Warnf("%v: pulling %s anew", lost, source.name)
		err := r.pullAnew(ctx, source)
		if err != nil {
			return fmt.Errorf("%w; pulling %s anew: %w", lost, source.name, err)
		}
		if lost = again(); lost == nil || !errors.Is(lost, cvmfs.ErrLayerUnknown) && !errors.Is(lost, cvmfs.ErrMismatch) {
			return lost
		}
	}
	return lost
}

// remoteSources returns where image can be pulled from, and then where the images can that it was built on, nearest first.
func (r *Runtime) remoteSources(image string) ([]remoteSource, error) {
	top, _, err := r.LookupImage(image, nil)
	if err != nil {
		return nil, err
	}
	images, err := r.store.Images()
	if err != nil {
		return nil, err
	}
	byLayer := map[string][]*Image{}
	for i := range images {
		if images[i].ID != top.ID() {
			byLayer[images[i].TopLayer] = append(byLayer[images[i].TopLayer], r.storageToImage(&images[i], nil))
		}
	}
	candidates := []*Image{top}
	for id := top.TopLayer(); id != ""; {
		candidates = append(candidates, byLayer[id]...)
		layer, err := r.store.Layer(id)
		if err != nil {
			return nil, err
		}
		id = layer.Parent
	}
	var sources []remoteSource
	for _, candidate := range candidates {
		source, err := candidate.remoteSource()
		if err != nil {
			return nil, err
		}
		if len(source.refs) > 0 {
			sources = append(sources, source)
		}
	}
	return sources, nil
}

// remoteSource returns where the image can be pulled from; without refs if it has no name in a registry.
func (i *Image) remoteSource() (remoteSource, error) {
	source := remoteSource{id: i.ID()}
	added := map[string]bool{}
	for _, name := range append(i.Names(), i.NamesHistory()...) {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil || reference.Domain(named) == "localhost" {
			continue
		}
		if source.name == "" {
			source.name = name
		}
		for _, digest := range i.Digests() {
			key := storage.ImageDigestManifestBigDataNamePrefix + "-" + digest.String()
			data, err := i.runtime.store.ImageBigData(i.ID(), key)
			if errors.Is(err, os.ErrNotExist) {
				continue // a digest that it was given, such as a list's
			}
			if err != nil {
				return source, fmt.Errorf("reading manifest %s of image %s: %w", digest, i.ID(), err)
			}
			if manifest.MIMETypeIsMultiImage(manifest.GuessMIMEType(data)) {
				continue // may lead to another platform's image today
			}
			canonical, err := reference.WithDigest(reference.TrimNamed(named), digest)
			if err != nil {
				return source, err
			}
			if ref := canonical.String(); !added[ref] {
				added[ref] = true
				source.refs = append(source.refs, ref)
			}
		}
	}
	return source, nil
}

// pullAnew pulls exactly this image, from the first place that has it, and leaves its names as they are.
func (r *Runtime) pullAnew(ctx context.Context, source remoteSource) error {
	var errs []error
	for _, ref := range source.refs {
		before, err := r.store.Names(source.id)
		if err != nil {
			return err
		}
		images, err := r.Pull(ctx, ref, config.PullPolicyAlways, nil)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if slices.Contains(before, ref) {
			return r.store.AddNames(source.id, []string{ref}) // back, if the store has this image twice
		}
		return r.store.RemoveNames(images[0].ID(), []string{ref})
	}
	return errors.Join(errs...)
}
