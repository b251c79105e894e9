//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	graphdriver "go.podman.io/storage/drivers"
)

// AwaitRemote waits until the remote layers of a stack, with layer id on top,
// can be opened.
func (d *Driver) AwaitRemote(id string, within time.Duration) error {
	layers, conf, err := d.remoteLayersOf(id)
	if err == nil && len(layers) > 0 {
		err = view.Await(layers, conf.StartTimeout, within)
	}
	return d.stackError(id, err)
}

// AwaitMounted waits until what is mounted of the layer id answers, and one remote
// layer of each repository.
func (d *Driver) AwaitMounted(id string) error {
	layers, conf, err := d.remoteLayersOf(id)
	if err != nil || len(layers) == 0 {
		return d.stackError(id, err)
	}
	base := d.mountBase(id)
	repositories := make(chan error, 1)
	go func() { repositories <- view.AwaitOne(layers, conf.StartTimeout) }()
	err = view.Look(path.Join(base, "merged"), view.NotedServers(d.serversFile(id)), conf.StartTimeout)
	return d.stackError(id, errors.Join(err, <-repositories))
}

// stackError says with which layers an error was met.
func (d *Driver) stackError(id string, err error) error {
	if err == nil {
		return nil
	}
	return graphdriver.NewRemoteStackError(fmt.Errorf("using remote layers for %q: %w", d.dir(id), err))
}

// PrepareRemote begins what AwaitRemote waits for.
func (d *Driver) PrepareRemote(id string) {
	if layers, conf, err := d.remoteLayersOf(id); err == nil && len(layers) > 0 {
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
	if err == nil && len(layers) > 0 { // a mistake there is no concern of other stacks
		conf, err = config.Load(d.RemoteLayerOptions())
	}
	return layers, conf, err
}
