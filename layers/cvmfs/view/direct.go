//go:build linux

package view

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// checkDirect walks a layer directory and refuses what overlayfs would get
// wrong: AUFS names, which it would show while what they delete came back, and
// owners that are not mapped here, whose files cannot be copied up.
func checkDirect(layer string) error {
	initial, err := userns.Initial() // there, every owner is mapped
	if err != nil {
		return err
	}
	uid, gid, err := userns.Overflow()
	if err != nil {
		return err
	}
	return filepath.WalkDir(layer, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return cvmfs.FromFS(err)
		}
		if kind, _, _ := whiteout.Parse(d.Name()); kind != whiteout.Entry && path != layer {
			return fmt.Errorf("%w: %q is an AUFS marker", cvmfs.ErrInvalidLayer, path)
		}
		info, err := d.Info()
		if err != nil {
			return cvmfs.FromFS(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !initial && unmapped(st, uid, gid) {
			return fmt.Errorf("%w: the owner of %q is not mapped in this user namespace", cvmfs.ErrInvalidLayer, path)
		}
		return nil
	})
}

// unmapped says whether a file's owner or group shows as one that is not mapped.
func unmapped(st *syscall.Stat_t, uid, gid uint32) bool { return st.Uid == uid || st.Gid == gid }
