//go:build linux

package overlay

import (
	"fmt"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	graphdriver "go.podman.io/storage/drivers"
)

// AwaitRemote waits until the remote layers of a stack, with layer id on top,
// can be opened, or if one is set, one of each repository.
func (d *Driver) AwaitRemote(id string, one bool) error {
	await := view.Await
	if one {
		await = view.AwaitOne
	}
	layers, conf, err := d.remoteLayersOf(id)
	if err == nil {
		err = await(layers, conf.StartTimeout)
	}
	if err != nil {
		return graphdriver.NewRemoteStackError(fmt.Errorf("using remote layers for %q: %w", d.dir(id), err))
	}
	return nil
}

// PrepareRemote begins what AwaitRemote waits for.
func (d *Driver) PrepareRemote(id string) {
	if layers, conf, err := d.remoteLayersOf(id); err == nil {
		view.Prepare(layers, conf.StartTimeout)
	}
}

// remoteLayersOf gives the remote layers of a stack, with layer id on top.
func (d *Driver) remoteLayersOf(id string) (layers []spec.Layer, conf config.Config, err error) {
	stack, err := d.remoteStack(id)
	if err != nil {
		return nil, conf, err
	}
	own, err := d.RemoteLayer(id)
	for i := 0; err == nil; i++ {
		if own != nil {
			layers = append(layers, spec.Layer{Path: own.Path, CatalogHash: own.CatalogHash})
		}
		if i == len(stack) {
			break
		}
		own, err = d.remoteLower(stack[i])
	}
	if err == nil {
		conf, err = config.Load(d.RemoteLayerOptions())
	}
	return layers, conf, err
}
