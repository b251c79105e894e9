package storage

import (
	"errors"
	"os"
	"sync"
	"time"

	drivers "go.podman.io/storage/drivers"
)

// awaitAgain is how long an answer counts, for a caller that awaits it before it
// takes locks of its own, and then uses the layer.
const awaitAgain = time.Second

// awaited are the layers whose repositories have answered, and how long that counts.
type awaited struct {
	sync.Mutex
	until map[string]time.Time
}

// note notes an answer.
func (a *awaited) note(id string, counts time.Duration) {
	a.Lock()
	defer a.Unlock()
	now := time.Now()
	for id, until := range a.until {
		if now.After(until) {
			delete(a.until, id)
		}
	}
	if a.until == nil {
		a.until = map[string]time.Time{}
	}
	if counts < awaitAgain {
		counts = awaitAgain
	}
	a.until[id] = now.Add(counts)
}

// lately says whether there was an answer that counts. One that counts for longer
// than others does so once.
func (a *awaited) lately(id string) bool {
	a.Lock()
	defer a.Unlock()
	until, now := a.until[id], time.Now()
	if until.After(now.Add(awaitAgain)) {
		a.until[id] = now.Add(awaitAgain)
	}
	return until.After(now)
}

// AwaitRemoteLayers waits, with no lock held, until the repositories answer
// that have layers which container, image or layer id stands on.
func (s *store) AwaitRemoteLayers(id string, options AwaitOptions) error {
	return s.awaitRemote(s.topLayerOf(id), options)
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

// RemoteLayerServers returns the processes that serve views beneath a mount.
func (s *store) RemoteLayerServers(id string) ([]int, error) {
	driver, err := s.GraphDriver()
	if err != nil {
		return nil, err
	}
	remote, ok := driver.(drivers.RemoteLayerDriver)
	if id = s.topLayerOf(id); !ok || id == "" {
		return nil, nil
	}
	return remote.RemoteServers(id), nil
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
func (s *store) awaitRemote(id string, options AwaitOptions) error {
	driver, err := s.GraphDriver()
	if err != nil {
		return err
	}
	remote, ok := driver.(drivers.RemoteLayerDriver)
	if !ok || id == "" {
		return nil
	}
	mounts, err := s.Mounted(id)
	if err != nil {
		mounts = 0
	}
	if mounts > 0 && options.AnewWithin == 0 {
		if !options.Mounted {
			return nil // nothing is opened anew
		}
		if err := remote.AwaitMounted(id); errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return nil // what is open answers, with an error or without
	}
	if options.AnewWithin == 0 && s.remoteAwaited.lately(id) {
		return nil
	}
	if err := remote.AwaitRemote(id, options.AnewWithin); err != nil {
		return err
	}
	s.remoteAwaited.note(id, options.AnewWithin)
	return nil
}

// awaitCompared is awaitRemote for a caller that compares a layer with what lies beneath
// it.  That mounts views, whether or not the layer is mounted.
func (s *store) awaitCompared(id string) error {
	return s.awaitRemote(id, AwaitOptions{AnewWithin: awaitAgain})
}

// awaitDiff does so before a layer's tar is made.  That of a pulled layer is made
// without looking beneath, and that of a remote layer not at all.
func (s *store) awaitDiff(id string) error {
	layer, err := s.Layer(id)
	if err != nil || layer.Kind != "" || layer.UncompressedDigest != "" {
		return nil //nolint:nilerr // who makes the tar tells
	}
	return s.awaitCompared(id)
}
