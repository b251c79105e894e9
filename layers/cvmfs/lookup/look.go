//go:build linux

package lookup

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
)

// look answers one question from the tree at root: about layer d, or about the
// repository itself if d is "". It may never return.
func look(root string, d, diffID digest.Digest) answer {
	repo, layers, err := beneath.Repository(root, unix.O_RDONLY)
	if err != nil {
		return answer{err: fmt.Errorf("repository %q: %w", root, err)}
	}
	defer unix.Close(repo)
	defer unix.Close(layers)

	if d == "" {
		id, err := cvmfs.ReadRepositoryIdentity(repo)
		if err != nil {
			return answer{err: fmt.Errorf("repository %q: reading identity: %w", root, cvmfs.FromFS(err))}
		}
		return answer{layer: cvmfs.Layer{Path: root, Identity: id}}
	}
	name, err := cvmfs.LayerDir(d)
	if err != nil {
		return answer{err: err}
	}
	dir := filepath.Join(root, name)
	layer, err := readLayer(repo, layers, d, diffID)
	if err == nil {
		layer.Path = filepath.Join(dir, cvmfs.LayerFS)
		return answer{layer: layer}
	}
	a := answer{directory: dir}
	switch {
	case errors.Is(err, unix.EACCES):
		err = fmt.Errorf("not for this user to read: %w", err)
	case errors.Is(err, cvmfs.ErrUnavailable):
		a.directory = ""
	}
	a.err = fmt.Errorf("repository %q: layer directory %q: %w", root, dir, err)
	return a
}

// readLayer reads all of a layer but its path. repo and layers are open
// directories; the error is one of package cvmfs's.
func readLayer(repo, layers int, d, diffID digest.Digest) (cvmfs.Layer, error) {
	hex := d.Encoded()
	dir, err := beneath.Open(layers, filepath.Join(hex[:2], hex), unix.O_PATH|unix.O_DIRECTORY)
	if beneath.Odd(err) {
		return cvmfs.Layer{}, fmt.Errorf("%w: %w", cvmfs.ErrInvalidLayer, err)
	}
	if err != nil {
		return cvmfs.Layer{}, cvmfs.FromFS(err)
	}
	defer unix.Close(dir)

	layerfs, err := beneath.Step(dir, cvmfs.LayerFS, unix.O_RDONLY|unix.O_DIRECTORY)
	if beneath.Odd(err) || errors.Is(err, unix.ENOENT) {
		return cvmfs.Layer{}, fmt.Errorf("%w: %s: %w", cvmfs.ErrInvalidLayer, cvmfs.LayerFS, err)
	}
	if err != nil {
		return cvmfs.Layer{}, fmt.Errorf("opening %s: %w", cvmfs.LayerFS, cvmfs.FromFS(err))
	}
	defer unix.Close(layerfs)

	layer := cvmfs.Layer{}
	// Nor may anything be mounted on the way, as automounts are: that is not the
	// repository's content.
	if err := beneath.SameDevice(repo, layerfs); errors.Is(err, unix.EXDEV) {
		return cvmfs.Layer{}, fmt.Errorf("%w: %s is on another file system than the repository", cvmfs.ErrInvalidLayer, cvmfs.LayerFS)
	} else if err != nil {
		return cvmfs.Layer{}, cvmfs.FromFS(err)
	}
	if layer.DiffSize, err = readMetadata(dir, d, diffID); err != nil {
		return cvmfs.Layer{}, err
	}
	_, err = beneath.Retry(func() (int, error) {
		var err error
		layer.Identity, err = cvmfs.ReadIdentity(repo, layerfs)
		return 0, err
	})
	if err != nil {
		return cvmfs.Layer{}, fmt.Errorf("reading identity: %w", cvmfs.FromFS(err))
	}
	return layer, nil
}
