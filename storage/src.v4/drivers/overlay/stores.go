//go:build linux
// +build linux

package overlay

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/system"
)

// Layers are not all in the driver's home: an image may be in an additional
// store, which others share and nobody but its owner may write to, and an image
// store has its layers' contents and its records in two places.

// ownDir is the directory of layer id in the driver's home, as dir2 gives it,
// wherever else there is a layer with that id: what is made or removed is never
// in an additional store.
func (d *Driver) ownDir(id string) (dir, imageStore string) {
	_, imageStore, _ = d.dir2(id)
	return path.Join(d.home, id), imageStore
}

// remoteLower returns the record of the remote layer that a name in a "lower"
// file stands for, or nil if it stands for an ordinary one. A layer with the
// same id that is not remote, such as the account's own copy of one in an
// additional store, has another name. It is an error if no store has the layer:
// its owner has removed it.
func (d *Driver) remoteLower(name string) (*cvmfs.Layer, error) {
	if _, err := os.Lstat(d.dir(name)); err == nil || name == "" {
		return nil, nil // made local in place, or never remote
	}
	id := path.Base(name)
	homes := []string{d.home}
	for _, store := range d.AdditionalImageStores() {
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

// layerIDLength is that of a layer's id, which is longer than the random name of a link.
const layerIDLength = 64

// contentDir is the directory with "diff" and "work" of layer id.
func (d *Driver) contentDir(id string) string {
	dir, imageStore, inAdditionalStore := d.dir2(id)
	if imageStore != "" && !inAdditionalStore {
		return imageStore
	}
	return dir
}

// removeContent removes what an image store holds of a layer apart from its
// record in dir.
func (d *Driver) removeContent(dir string) error {
	if _, err := os.Lstat(dir); err != nil || d.imageStore == "" {
		return nil
	}
	return system.EnsureRemoveAll(path.Join(d.imageStore, path.Base(dir)))
}

// mountBase is the directory below which layer id and its views are mounted:
// the run directory, where that of the layer is none to write to.
func (d *Driver) mountBase(id string) string {
	_, imageStore, inAdditionalStore := d.dir2(id)
	base := d.contentDir(id)
	if inAdditionalStore || (imageStore != "" && isRemote(d.dir(id))) {
		base = path.Join(d.runhome, id)
	}
	return base
}

// asLower says whether a layer can be mounted only as a lower itself: a remote
// layer, and any in an additional store. name stands for it in a stack, and top
// is an empty directory with the mode of its root.
func (d *Driver) asLower(id string) (name, top string, err error) {
	dir, base := d.dir(id), d.mountBase(id)
	link, err := readRecord(path.Join(dir, "link"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	if !isRemoteLink(link) && path.Dir(base) != d.runhome {
		return "", "", nil
	}
	top, err = d.emptyRoot(id, dir, base)
	return path.Join(linkDir, linkName(path.Base(dir), link)), top, err
}

// unmounted takes away what was made in the run directory to mount a layer, if
// nothing is mounted there any more.
func (d *Driver) unmounted(base string) {
	if _, err := os.Lstat(path.Join(base, "merged")); err != nil && path.Dir(base) == d.runhome {
		_ = os.Remove(path.Join(base, "empty"))
		_ = os.Remove(base)
	}
}

// fromHome is a path as it is seen from the driver's home, if it is in there.
func (d *Driver) fromHome(name string) string {
	if rel, err := filepath.Rel(d.home, name); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return name
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
	diff, err = redirectDiffIfAdditionalLayer(target)
	return dir, diff, err
}

// contentOf is the directory that a symbolic link in the link directory means:
// that of an image store's layers is absolute.
func (d *Driver) contentOf(target string) string {
	if path.IsAbs(target) {
		return target
	}
	return path.Clean(d.dir(path.Join("link", target)))
}

// overflowID is what an owner looks like whom a user namespace does not map
// (user_namespaces(7)).
const overflowID = 65534

// unmapped says whether the owner of a layer's root may be an account of
// another user namespace, such as root, who made the store. A layer on top
// cannot be given to that account.
func unmapped(uid, gid uint32) bool {
	initial, err := userns.Initial()
	return err == nil && !initial && (uid == overflowID || gid == overflowID)
}

// isUnowned says whether the files of an ordinary layer, with its record in
// dir, belong to an account that is not mapped: it is in an additional store,
// and another account's.
func (d *Driver) isUnowned(dir, diff string) (bool, error) {
	if path.Dir(dir) == d.home {
		return false, nil
	}
	st, err := system.Stat(diff)
	return err == nil && unmapped(st.UID(), st.GID()), err
}

// unowned returns an ordinary layer as a view is to show it, because it
// isUnowned and overlayfs cannot use it: nothing of it could be copied up. A
// mount program may have its own ways with it, and is left alone unless there
// are remote layers. Otherwise the result is nil.
func (v *views) unowned(dir, diff string) (*spec.Layer, error) {
	if unowned, err := v.d.isUnowned(dir, diff); !unowned || err != nil {
		return nil, err
	}
	if v.d.options.mountProgram != "" {
		if remote, err := v.anyRemote(); !remote || err != nil {
			return nil, err
		}
	}
	layer := &spec.Layer{Path: diff, Store: true, Unowned: true}
	program, err := readRecord(getMountProgramFlagFile(path.Dir(dir)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if string(program) == "true" { // AUFS names, which all can read
		return layer, nil
	}
	layer.Overlay = true
	// What root's pull marks as opaque, it marks in attributes that only root can
	// read. Without the headers of the layer nobody knows what it deletes.
	headers, err := beneath.OpenFile(path.Join(path.Dir(dir), "..", v.d.name+"-layers", path.Base(dir)+".tar-split.gz"))
	if err == nil {
		defer headers.Close()
		layer.Opaque, err = whiteout.OpaqueDirs(headers)
	}
	if err != nil {
		return nil, fmt.Errorf("finding out what layer %s of another account's store deletes: %w", path.Base(dir), err)
	}
	return layer, nil
}

// anyRemote says whether one of the stack's layers is remote.
func (v *views) anyRemote() (bool, error) {
	for _, name := range v.stack {
		if layer, err := v.d.remoteLower(name); layer != nil || err != nil {
			return layer != nil, err
		}
	}
	return false, nil
}
