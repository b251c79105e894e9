//go:build linux

package view

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// checkDirect walks a layer directory and refuses what overlayfs would get
// wrong: AUFS names, which it would show while what they delete came back, and
// owners that are not mapped here, whose files cannot be copied up.
func checkDirect(layer string) error {
	overflow, err := overflowID()
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
		if st, ok := info.Sys().(*syscall.Stat_t); ok && overflow != "" {
			if fmt.Sprint(st.Uid) == overflow || fmt.Sprint(st.Gid) == overflow {
				return fmt.Errorf("%w: the owner of %q is not mapped in this user namespace", cvmfs.ErrInvalidLayer, path)
			}
		}
		return nil
	})
}

// overflowID is the id that an unmapped owner shows as, "" in the initial user
// namespace, where every owner is mapped.
func overflowID() (string, error) {
	if initial, err := userns.Initial(); initial || err != nil {
		return "", err
	}
	id, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return "", fmt.Errorf("reading the overflow id: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}
