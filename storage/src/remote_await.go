package storage

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	drivers "go.podman.io/storage/drivers"
)

// awaitAgain is how long an answer counts, for a caller that awaits it before it
// takes locks of its own, and then uses the layer.
const awaitAgain = time.Second

// awaited is the layer whose repositories have answered last, and when.
type awaited struct {
	id string
	at time.Time
}

// lastAwaited holds an awaited, or nothing.
type lastAwaited struct{ atomic.Value }

// AwaitRemoteLayers waits, with no lock held, until the repositories answer
// that have layers which container, image or layer id stands on.
func (s *store) AwaitRemoteLayers(id string, mounted bool) error {
	return s.awaitRemote(s.topLayerOf(id), mounted)
}

// PrepareRemoteLayers begins what AwaitRemoteLayers waits for.
func (s *store) PrepareRemoteLayers(id string) {
	driver, err := s.GraphDriver()
	if err != nil {
		return
	}
	remote, ok := driver.(drivers.RemoteLayerDriver)
	if id = s.topLayerOf(id); ok && id != "" {
		remote.PrepareRemote(id)
	}
}

// topLayerOf gives the layer that a container, image or layer stands on.
func (s *store) topLayerOf(id string) string {
	if container, err := s.Container(id); err == nil {
		return container.LayerID
	}
	if image, err := s.Image(id); err == nil {
		return image.TopLayer
	}
	return id
}

// awaitRemote is AwaitRemoteLayers for a layer.  What needs the layer's contents
// does so with the store's locks, and a repository may hang.
func (s *store) awaitRemote(id string, mounted bool) error {
	driver, err := s.GraphDriver()
	if err != nil {
		return err
	}
	remote, ok := driver.(drivers.RemoteLayerDriver)
	if !ok || id == "" {
		return nil
	}
	if last, ok := s.remoteAwaited.Load().(awaited); ok && last.id == id && time.Since(last.at) < awaitAgain {
		return nil
	}
	mounts, err := s.Mounted(id)
	if err != nil {
		mounts = 0
	}
	if mounts > 0 && !mounted {
		return nil // nothing is opened anew
	}
	if err := remote.AwaitRemote(id, mounts > 0); err != nil {
		if mounts > 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil // what is open answers, with an error or without
		}
		return err
	}
	s.remoteAwaited.Store(awaited{id, time.Now()})
	return nil
}
