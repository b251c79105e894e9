//go:build linux

package overlay

import (
	"fmt"
	"io"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/ioutils"
)

// errNoOriginal is returned where the tar that a remote layer was made from is asked for.
const errNoOriginal = "the store does not have the original contents of layer %s, only their place %q: " +
	"pull the image with --cvmfs=off to have them"

// diffPaths returns directories with what layer id holds and with what lies
// beneath it, topmost first, where views stand for remote layers. release is
// to be called when they are no longer used.
func (d *Driver) diffPaths(id string) (diff string, lowers []string, release func(), err error) {
	stack, err := d.remoteStack(id)
	if err != nil {
		return "", nil, nil, err
	}
	v := &views{d: d, dir: d.mountBase(id), stack: stack}
	defer func() {
		if err != nil {
			v.release()
		}
	}()
	if diff, err = v.own(id); err != nil {
		return "", nil, nil, err
	}
	paths := []string{diff}
	for i := range stack {
		if stack[i] == "" {
			continue
		}
		lower, remote, err := v.lower(i)
		if err == nil && !remote {
			lower = []string{""}
			_, lower[0], err = d.lowerOf(stack[i])
		}
		if err != nil {
			return "", nil, nil, err
		}
		paths = append(paths, lower...)
	}
	if err := v.mount(paths); err != nil {
		return "", nil, nil, err
	}
	return diff, paths[1:], v.release, nil
}

// own is a directory with what one layer holds, deletions in overlayfs's terms.
func (v *views) own(id string) (string, error) {
	layer, err := v.d.RemoteLayer(id)
	if err != nil {
		return "", err
	}
	show := &spec.Layer{}
	if layer == nil {
		diff, err := v.d.getDiffPath(id)
		if err != nil {
			return "", err
		}
		if show, err = v.unowned(v.d.dir(id), diff); show == nil || err != nil {
			return diff, err
		}
	} else {
		*show = spec.Layer{Path: layer.Path, CatalogHash: layer.CatalogHash}
	}
	lowers, err := v.add([]spec.Layer{*show})
	if err != nil {
		return "", err
	}
	return lowers[0], nil
}

// refuseRemoteDiff returns an error if the tar of a remote layer is asked for:
// one made from the tree would have another digest.
func (d *Driver) refuseRemoteDiff(id, parent string) error {
	layer, err := d.RemoteLayer(id)
	if err != nil || layer == nil || !d.isParent(id, parent) {
		return err
	}
	return fmt.Errorf(errNoOriginal, id, layer.Path)
}

// tarDiff is TarWithOptions, with release called at the end.
func tarDiff(diff string, options *archive.TarOptions, release func()) (io.ReadCloser, error) {
	tar, err := archive.TarWithOptions(diff, options)
	if err != nil {
		release()
		return nil, err
	}
	return ioutils.NewReadCloserWrapper(tar, func() error {
		defer release()
		return tar.Close()
	}), nil
}
