//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
	"go.podman.io/storage/pkg/system"
)

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
