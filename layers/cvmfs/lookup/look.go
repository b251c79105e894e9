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
	case errors.Is(err, unix.EACCES): // the layer's own directory, or one above it
		err = fmt.Errorf("%w: %w", cvmfs.ErrClosed, unix.EACCES)
	case errors.Is(err, cvmfs.ErrUnavailable):
		a.directory = ""
	}
	a.err = fmt.Errorf("repository %q: layer directory %q: %w", root, dir, err)
	return a
}

// OpenLayer opens the directory of layer d, O_PATH, and the layerfs in it. repo
// and layers are open directories, as beneath.Repository gives them; the error is
// one of package cvmfs's.
func OpenLayer(repo, layers int, d digest.Digest) (dir, layerfs int, err error) {
	hex := d.Encoded()
	dir, err = beneath.Open(layers, filepath.Join(hex[:2], hex), unix.O_PATH|unix.O_DIRECTORY)
	if beneath.Odd(err) {
		return -1, -1, fmt.Errorf("%w: %w", cvmfs.ErrInvalidLayer, err)
	}
	if err != nil {
		return -1, -1, cvmfs.FromFS(err)
	}
	layerfs, err = beneath.Step(dir, cvmfs.LayerFS, unix.O_RDONLY|unix.O_DIRECTORY)
	switch {
	case errors.Is(err, unix.ENOENT) && removed(dir):
		err = cvmfs.FromFS(err)
	case beneath.Odd(err), errors.Is(err, unix.ENOENT):
		err = fmt.Errorf("%w: %s: %w", cvmfs.ErrInvalidLayer, cvmfs.LayerFS, err)
	case err != nil:
		err = fmt.Errorf("opening %s: %w", cvmfs.LayerFS, cvmfs.FromFS(err))
	default:
		// Nor may anything be mounted on the way, as automounts are: that is not the
		// repository's content.
		err = beneath.SameDevice(repo, layerfs)
		if err == nil {
			return dir, layerfs, nil
		}
		unix.Close(layerfs)
		if errors.Is(err, unix.EXDEV) {
			err = fmt.Errorf("%w: %s is on another file system than the repository", cvmfs.ErrInvalidLayer, cvmfs.LayerFS)
		} else {
			err = cvmfs.FromFS(err)
		}
	}
	unix.Close(dir)
	return -1, -1, err
}

// removed says whether the directory that is open has been removed. A client answers
// with names that it keeps for a while, and finds out when it is asked for more.
func removed(dir int) bool {
	var st unix.Statx_t
	_, err := beneath.Retry(func() (int, error) {
		return 0, unix.Statx(dir, "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_NLINK, &st)
	})
	return errors.Is(err, unix.ENOENT) || err == nil && st.Nlink == 0
}

// readLayer reads all of a layer but its path. repo and layers are open
// directories; the error is one of package cvmfs's.
func readLayer(repo, layers int, d, diffID digest.Digest) (cvmfs.Layer, error) {
	dir, layerfs, err := OpenLayer(repo, layers, d)
	if err != nil {
		return cvmfs.Layer{}, err
	}
	defer unix.Close(dir)
	defer unix.Close(layerfs)

	if err := checkTop(layerfs); err != nil {
		return cvmfs.Layer{}, err
	}
	layer := cvmfs.Layer{}
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
