//go:build !remote
// +build !remote

package libpod

import (
	"context"
	"fmt"
	"time"

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
	return c.openRemoteLayers(ctx, storage.AwaitOptions{})
}

// openRemoteLayers waits until the layers of the container's image can be opened, and
// mends the image if its repository lost some.
func (c *Container) openRemoteLayers(ctx context.Context, options storage.AwaitOptions) error {
	await := func() error {
		if err := c.runtime.store.AwaitRemoteLayers(c.ID(), options); err != nil {
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
	if err := c.runtime.store.AwaitRemoteLayers(c.ID(), storage.AwaitOptions{Mounted: true}); err != nil {
		return fmt.Errorf("waiting for the files of container %s: %w", c.ID(), err)
	}
	return nil
}

const (
	// restartTakes is how long a restart may take between opening the layers and
	// mounting them, besides the time that the container has to stop in.
	restartTakes = 10 * time.Second
	// restartTakesLongest bounds both: a container may have any time to stop in.
	restartTakesLongest = 10 * time.Minute
)

// awaitRestart opens the layers of a container on remote layers before a restart, which
// mounts it anew, as a stop and a start do: what is mounted may be broken for good,
// when a client ended, a repository was mounted anew or a view's server was killed, and
// nothing here tells.  If the layers cannot be opened, the container stays as it is.
func (c *Container) awaitRestart(ctx context.Context, timeout uint) error {
	if c.batched || !c.mountsRemoteLayers() {
		return nil
	}
	within := restartTakesLongest
	if timeout < uint(restartTakesLongest/time.Second) {
		within = time.Duration(timeout)*time.Second + restartTakes
	}
	return c.openRemoteLayers(ctx, storage.AwaitOptions{AnewWithin: within})
}

// restartsAnew says that the container has ended by itself and is to be started again,
// by its restart policy, with its layers mounted anew.  To be asked before the
// container is locked.  Where the layers cannot be opened, it is started on what is
// mounted, of which as much may answer as did before.
func (c *Container) restartsAnew(ctx context.Context) bool {
	switch c.config.RestartPolicy {
	case define.RestartPolicyNone, define.RestartPolicyNo:
		if c.config.HealthCheckOnFailureAction != define.HealthCheckOnFailureActionRestart {
			return false
		}
	}
	if c.batched || !c.mountsRemoteLayers() || !c.ShouldRestart(ctx) {
		return false
	}
	if err := c.openRemoteLayers(ctx, storage.AwaitOptions{AnewWithin: restartTakes}); err != nil {
		logrus.Warnf("Keeping what is mounted for container %s: %v", c.ID(), err)
		return false
	}
	return true
}

// mountsRemoteLayers says whether the container stands on remote layers, or is mounted
// with some that were made local since.
func (c *Container) mountsRemoteLayers() bool {
	if c.config.Rootfs != "" {
		return false
	}
	servers, err := c.runtime.store.RemoteLayerServers(c.ID())
	if err != nil || servers != nil {
		return err == nil
	}
	layers, err := c.remoteLayers()
	if err != nil {
		logrus.Debugf("Finding the remote layers of container %s: %v", c.ID(), err)
	}
	return len(layers) > 0
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
	var stops uint // they are stopped one after the other
	for _, c := range containers {
		stops += c.config.StopTimeout
	}
	for _, c := range containers {
		if restart {
			err = c.awaitRestart(ctx, stops)
		} else {
			err = c.awaitRemoteLayers(ctx, false)
		}
		if err != nil {
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
// container, where it may be one of theirs, or the file that they keep from the user.
func (c *Container) nameRepositories(err error) error {
	if err == nil {
		return nil
	}
	layers, lookupErr := c.remoteLayers()
	if lookupErr != nil {
		logrus.Debugf("Finding the remote layers of container %s: %v", c.ID(), lookupErr)
		return err
	}
	if len(layers) == 0 {
		return err
	}
	return c.nameClosedFile(view.Explain(err, layers))
}

// PrepareRemoteLayers begins what the start of a container of an image waits
// for, and does not wait.
func (r *Runtime) PrepareRemoteLayers(image string) {
	r.store.PrepareRemoteLayers(image)
}
