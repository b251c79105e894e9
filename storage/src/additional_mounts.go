package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/ioutils"
	"go.podman.io/storage/pkg/mount"
)

// An image of an additional store can be mounted although nothing can be
// written there: the driver has mount points in the run directory, and so are
// the counts of mounts, in a file of their own. A version of this library
// without it leaves them alone.

func (s *store) additionalMountsPath() string {
	return filepath.Join(s.runRoot, s.graphDriverName+"-layers", "additional-mounts.json")
}

// additionalMounts reads the counts. Requires the layer store to be locked.
func (s *store) additionalMounts() (map[string]layerMountPoint, error) {
	mounts := map[string]layerMountPoint{}
	data, err := os.ReadFile(s.additionalMountsPath())
	if errors.Is(err, os.ErrNotExist) {
		return mounts, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &mounts)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which layers of additional stores are mounted: %w", err)
	}
	return mounts, nil
}

// setAdditionalMount notes the mounts of a layer, or, with a count of 0, that there are none.
func (s *store) setAdditionalMount(mounts map[string]layerMountPoint, m layerMountPoint) error {
	mounts[m.ID] = m
	if m.MountCount == 0 {
		delete(mounts, m.ID)
	}
	data, err := json.Marshal(mounts)
	if err != nil {
		return err
	}
	return ioutils.AtomicWriteFile(s.additionalMountsPath(), data, 0o600)
}

// mountAdditional mounts a layer of an additional store, read-only. Requires
// graphLock, and the layer store to be locked for writing.
func (s *store) mountAdditional(layer *Layer, options drivers.MountOpts) (string, error) {
	mounts, err := s.additionalMounts()
	if err != nil {
		return "", err
	}
	m := mounts[layer.ID]
	if m.MountCount > 0 {
		// A mount that was taken away behind our back does not count.
		if mounted, err := mount.Mounted(m.MountPoint); err != nil {
			return "", err
		} else if mounted {
			m.MountCount++
			return m.MountPoint, s.setAdditionalMount(mounts, m)
		}
	}
	if options.MountLabel == "" {
		options.MountLabel = layer.MountLabel
	}
	point, err := s.graphDriver.Get(layer.ID, options)
	if err != nil {
		return "", err
	}
	return point, s.setAdditionalMount(mounts, layerMountPoint{ID: layer.ID, MountPoint: filepath.Clean(point), MountCount: 1})
}

// unmountAdditional undoes one mountAdditional, or all with force, and says
// whether the layer is still mounted. Requires the layer store to be locked for
// writing.
func (s *store) unmountAdditional(id string, force bool) (bool, error) {
	mounts, err := s.additionalMounts()
	if err != nil {
		return false, err
	}
	m, ok := mounts[id]
	if !ok {
		return false, ErrLayerUnknown
	}
	if m.MountCount--; m.MountCount > 0 && !force {
		return true, s.setAdditionalMount(mounts, m)
	}
	err = s.graphDriver.Put(id)
	if errors.Is(err, os.ErrNotExist) { // the layer's owner has removed it
		err = mount.Unmount(m.MountPoint)
	}
	if err != nil {
		return true, err
	}
	m.MountCount = 0
	return false, s.setAdditionalMount(mounts, m)
}

// unmountAllAdditional undoes all of mountAdditional. Requires the layer store
// to be locked for writing.
func (s *store) unmountAllAdditional() error {
	mounts, err := s.additionalMounts()
	for id := range mounts {
		if _, err2 := s.unmountAdditional(id, true); err == nil {
			err = err2
		}
	}
	return err
}

// mountedAdditional is how often a layer of an additional store is mounted.
func (s *store) mountedAdditional(id string) (int, error) {
	mounts, err := s.additionalMounts()
	m, ok := mounts[id]
	if err == nil && !ok {
		err = ErrLayerUnknown
	}
	return m.MountCount, err
}

// describeMounts fills in where a layer of an additional store is mounted.
func (s *store) describeMounts(layer *Layer) {
	if layer.ReadOnly {
		if mounts, err := s.additionalMounts(); err == nil {
			layer.MountPoint, layer.MountCount = mounts[layer.ID].MountPoint, mounts[layer.ID].MountCount
		}
	}
}
