//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	graphdriver "go.podman.io/storage/drivers"
)

// Layers are not all in the driver's home: an image may be in an additional
// store, which others share and nobody but its owner may write to, or in an
// image store.

// layerIDLength is that of a layer's id, which is longer than the random name of a link.
const layerIDLength = 64

// linkPattern is the random name of an ordinary layer's link: idLength characters, as
// generateID makes them. A remote layer has its id in that place.
var linkPattern = regexp.MustCompile(fmt.Sprintf("^[A-Z2-7]{%d}$", idLength))

// mayBeRemote says whether a name in a "lower" file may stand for a remote layer. No
// file is looked at: ordinary stacks have a mount of many layers cost what it costs
// without us.
func mayBeRemote(name string) bool {
	return name != "" && !linkPattern.MatchString(path.Base(name))
}

// remoteLower returns the record of the remote layer that a name in a "lower"
// file stands for, or nil if it stands for an ordinary one. A layer with the
// same id that is not remote, such as the account's own copy of one in an
// additional store, has another name. It is an error if no store has the layer:
// its owner has removed it.
func (d *Driver) remoteLower(name string) (*cvmfs.Layer, error) {
	if !mayBeRemote(name) {
		return nil, nil
	}
	if _, err := os.Lstat(d.dir(name)); err == nil {
		return nil, nil // made local in place
	}
	id := path.Base(name)
	homes := []string{d.home}
	for _, store := range d.getAllImageStores() {
		homes = append(homes, path.Join(store, d.name))
	}
	known := false
	for _, home := range homes {
		if layer, err := remoteLayer(path.Join(home, id)); layer != nil || err != nil {
			return layer, err
		}
		_, err := os.Lstat(path.Join(home, id))
		known = known || err == nil
	}
	if len(id) == layerIDLength && !known {
		return nil, fmt.Errorf("layer %s is in no store any more: %w", id, graphdriver.ErrLayerUnknown)
	}
	return nil, nil
}

// ownDir is the directory of layer id in the driver's home or its image store,
// wherever else there is a layer with that id: what is removed is never in an
// additional store.
func (d *Driver) ownDir(id string) string {
	for _, home := range []string{d.home, d.homeDirForImageStore()} {
		if _, err := os.Lstat(path.Join(home, id)); err == nil {
			return path.Join(home, id)
		}
	}
	return path.Join(d.home, id)
}

// mountBase is the directory below which layer id and its views are mounted:
// in the run directory, if the layer's own is not to be written to.
func (d *Driver) mountBase(id string) string {
	dir, content, inAdditionalStore := d.layerDirs(id)
	if inAdditionalStore || content != dir && isRemote(dir) {
		return path.Join(d.runhome, id)
	}
	return content
}

// asLower says whether a layer can be mounted only as a lower itself, as a
// remote layer is. name stands for it in a stack, and top is an empty directory
// with the mode of its root.
func (d *Driver) asLower(id string) (name, top string, err error) {
	dir, content, inAdditionalStore := d.layerDirs(id)
	link, err := readRecord(path.Join(dir, "link"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	if _, err := readRemote(dir); err != nil {
		return "", "", err
	}
	if !isRemoteLink(link) && !(inAdditionalStore && additionalAsLower) {
		return "", "", nil
	}
	st, err := statRoot(dir, content)
	if err != nil {
		return "", "", err
	}
	top = path.Join(d.mountBase(id), "empty") // as create makes one
	if err := os.MkdirAll(top, 0o700); err != nil {
		return "", "", err
	}
	name = path.Join(linkDir, linkName(path.Base(dir), link))
	return name, top, os.Chmod(top, os.FileMode(st.Mode()).Perm())
}

// unmounted removes what was made in the run directory to mount a layer, if
// nothing is mounted there any more.
func (d *Driver) unmounted(base string) {
	if _, err := os.Lstat(path.Join(base, "merged")); err == nil {
		return
	}
	if path.Dir(base) == d.runhome {
		_ = os.Remove(path.Join(base, "empty"))
		_ = os.Remove(base)
	}
}

// lowerOf finds the ordinary layer that a name in a "lower" file stands for:
// the directories with its record and with its contents.
func (d *Driver) lowerOf(name string) (dir, diff string, err error) {
	link := d.dir(name)
	target, err := os.Readlink(link)
	if errors.Is(err, os.ErrNotExist) {
		if err := d.recreateSymlinks(); err != nil {
			return "", "", fmt.Errorf("recreating the missing symlinks: %w", err)
		}
		target, err = os.Readlink(link)
	}
	if err != nil {
		return "", "", err
	}
	dir = path.Join(path.Dir(path.Dir(link)), path.Base(path.Dir(target)))
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(link), target)
	}
	diff, err = redirectDiff(target)
	return dir, diff, err
}
