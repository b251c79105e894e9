//go:build !remote
// +build !remote

package libpod

import (
	"context"
	"errors"
	"time"

	"github.com/containers/podman/v5/libpod/define"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
)

// cvmfsInfoTimeout ends the question to a repository how it is, if not even
// that is configured to be shorter: whoever asks podman does not want to wait.
const cvmfsInfoTimeout = 3 * time.Second

// cvmfsInfo tells of the repositories that layers are used from. It is nil with
// a storage driver that can't.  What is wrong with the configuration is a part of
// what it tells, and who asks for something else is told that.
func (r *Runtime) cvmfsInfo() (*define.CVMFSInfo, error) {
	conf, confErr := r.store.RemoteLayerConfig()
	if errors.Is(confErr, graphdriver.ErrNotSupported) {
		return nil, nil
	}
	layers, err := r.store.Layers()
	if err != nil {
		return nil, err
	}
	info := define.CVMFSInfo{Layers: len(layers), Repositories: []define.CVMFSRepository{}}
	for _, layer := range layers {
		if layer.Kind == storage.LayerKindRemoteReadonly {
			info.RemoteLayers++
		}
	}
	if confErr != nil {
		info.Error = confErr.Error()
		return &info, nil //nolint:nilerr // the user is told, with all else that info says
	}
	info.Pull, info.Warnings = string(conf.Pull), conf.Warnings
	timeout := cvmfsInfoTimeout
	if conf.Timeout < timeout {
		timeout = conf.Timeout
	}
	for _, state := range lookup.States(context.Background(), conf.Repositories, timeout, r.config.Engine.TmpDir) {
		repository := define.CVMFSRepository{
			Path: state.Path, Mounted: !errors.Is(state.Err, cvmfs.ErrUnavailable),
			Name: state.Repository, Revision: state.Revision, RootHash: state.RootHash,
		}
		if state.Err != nil {
			repository.Error = state.Err.Error()
		}
		info.Repositories = append(info.Repositories, repository)
	}
	return &info, nil
}
