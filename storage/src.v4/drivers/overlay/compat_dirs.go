//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// layerDirs returns the directory with the record of layer id, the one with its
// "diff" and "work", and whether it is in an additional store. In storage 1.51 an
// image store holds "diff" and "work", and the driver's home the rest. In storage
// 1.62 an image store holds whole layers.
func (d *Driver) layerDirs(id string) (dir, content string, inAdditionalStore bool) {
	dir, content, inAdditionalStore = d.dir2(id)
	if content == "" || inAdditionalStore {
		content = dir
	}
	return dir, content, inAdditionalStore
}

// homeDirForImageStore is the directory with the records of images' layers.
// Storage 1.62 has this method.
func (d *Driver) homeDirForImageStore() string { return d.home }

// getAllImageStores returns the other stores that may have the record of a layer.
// Storage 1.62 has this method, which counts the image store among them.
func (d *Driver) getAllImageStores() []string { return d.AdditionalImageStores() }

// additionalAsLower says whether a layer of an additional store is mounted as a
// lower of an empty directory: in storage 1.51 Get would mount it in that store.
const additionalAsLower = true

// redirectDiff finds the contents that a "diff" path leads to, whether or not they
// exist. In storage 1.62 upstream's function has an argument that says so.
func redirectDiff(diff string) (string, error) {
	return redirectDiffIfAdditionalLayer(diff)
}

// leaveRunDir removes what was made in the run directory to mount a layer, and
// says whether the mount point is there at all: one in a layer's own directory
// stays, for Put to replace.
func (d *Driver) leaveRunDir(mountpoint string) (done bool, err error) {
	base := path.Dir(mountpoint)
	if path.Dir(base) != d.runhome {
		return false, nil
	}
	if err := unix.Rmdir(mountpoint); err != nil && !errors.Is(err, os.ErrNotExist) {
		return true, fmt.Errorf("removing mount point %q: %w", mountpoint, err)
	}
	d.unmounted(base)
	return true, nil
}
