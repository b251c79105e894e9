//go:build !remote
// +build !remote

package libpod

import (
	"context"
	"fmt"

	"github.com/containers/podman/v5/libpod/define"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view"
	"github.com/sirupsen/logrus"
	"go.podman.io/storage"
)

// awaitRemoteLayers waits until the repositories answer that have layers of the
// container's image, and if recursive is set, of those that it depends on,
// and mends images whose repository lost some.  It is called before the
// container is locked, which who lists containers waits for: a repository may
// hang.  After an error, nothing of the container may be saved: what is in
// memory can be old by then.
func (c *Container) awaitRemoteLayers(ctx context.Context, recursive bool) error {
	if c.batched {
		return nil
	}
	if recursive {
		for _, id := range c.Dependencies() {
			dependency, err := c.runtime.state.Container(id)
			if err != nil {
				return err
			}
			if err := dependency.awaitRemoteLayers(ctx, true); err != nil {
				return err
			}
		}
	}
	if c.config.Rootfs != "" {
		return nil
	}
	await := func() error {
		if err := c.runtime.store.AwaitRemoteLayers(c.ID(), false); err != nil {
			return fmt.Errorf("mounting storage for container %s: %w", c.ID(), err)
		}
		return nil
	}
	if err := await(); err != nil {
		return c.runtime.libimageRuntime.MendRemoteLayers(ctx, c.config.RootfsImageID, err, await)
	}
	return nil
}

// awaitContents does so for the container alone, before something in it is read
// or run with the container locked.  It may be running.
func (c *Container) awaitContents() error {
	if c.batched || c.config.Rootfs != "" {
		return nil
	}
	if err := c.runtime.store.AwaitRemoteLayers(c.ID(), true); err != nil {
		return fmt.Errorf("waiting for the files of container %s: %w", c.ID(), err)
	}
	return nil
}

// awaitRestart does so before a restart, which reads files of a container that
// runs, or mounts it.
func (c *Container) awaitRestart(ctx context.Context) error {
	if err := c.awaitRemoteLayers(ctx, false); err != nil {
		return err
	}
	return c.awaitContents()
}

// restartsAnew says that answersAnew holds, of a container that may be started
// again when it has ended by itself.  To be asked before the container is locked.
func (c *Container) restartsAnew() bool {
	switch c.config.RestartPolicy {
	case define.RestartPolicyNone, define.RestartPolicyNo:
		if c.config.HealthCheckOnFailureAction != define.HealthCheckOnFailureActionRestart {
			return false
		}
	}
	return !c.batched && c.answersAnew()
}

// answersAnew says that a restart is to mount the container anew, as a stop and
// a start do: it stands on layers of repositories, whose mount breaks for good
// when a client ends, a repository is mounted anew or a view's server is killed,
// and nothing here tells.  What is mounted stays where a repository gives no
// layers now, as what was read before may do.
func (c *Container) answersAnew() bool {
	layers, err := c.remoteLayers()
	if err != nil {
		logrus.Debugf("Finding the remote layers of container %s: %v", c.ID(), err)
	}
	if len(layers) == 0 {
		return false
	}
	// of the image, which is not mounted: what a mount would ask
	if err := c.runtime.store.AwaitRemoteLayers(c.config.RootfsImageID, false); err != nil {
		logrus.Warnf("Keeping what is mounted for container %s: %v", c.ID(), err)
		return false
	}
	return true
}

// unmountRemoteLayers lets a restart mount the container anew.
func (c *Container) unmountRemoteLayers(ctx context.Context) error {
	if !c.state.Mounted {
		return nil
	}
	if err := c.cleanupRuntime(ctx); err != nil {
		return err
	}
	return c.cleanupStorage()
}

// awaitRemoteLayers does so for all containers of the pod, before the pod is
// locked, to start or to restart them.
func (p *Pod) awaitRemoteLayers(ctx context.Context, restart bool) error {
	containers, err := p.runtime.state.PodContainers(p)
	if err != nil {
		return err
	}
	for _, c := range containers {
		await := c.awaitRestart
		if !restart {
			await = func(ctx context.Context) error { return c.awaitRemoteLayers(ctx, false) }
		}
		if err := await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// remoteLayers returns where repositories have layers that the container stands
// on.
func (c *Container) remoteLayers() ([]string, error) {
	if c.config.Rootfs != "" {
		return nil, nil
	}
	container, err := c.runtime.store.Container(c.ID())
	if err != nil {
		return nil, err
	}
	var paths []string
	for id := container.LayerID; id != ""; {
		layer, err := c.runtime.store.Layer(id)
		if err != nil {
			return nil, err
		}
		if layer.Kind == storage.LayerKindRemoteReadonly {
			paths = append(paths, layer.RemotePath)
		}
		id = layer.Parent
	}
	return paths, nil
}

// nameRepositories names them in an error that was met among the files of the
// container, where it may be one of theirs.
func (c *Container) nameRepositories(err error) error {
	if err == nil {
		return nil
	}
	layers, lookupErr := c.remoteLayers()
	if lookupErr != nil {
		logrus.Debugf("Finding the remote layers of container %s: %v", c.ID(), lookupErr)
		return err
	}
	return view.Explain(err, layers)
}

// PrepareRemoteLayers begins what the start of a container of an image waits
// for, and does not wait.
func (r *Runtime) PrepareRemoteLayers(image string) {
	r.store.PrepareRemoteLayers(image)
}
