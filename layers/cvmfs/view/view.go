//go:build linux

// Package view turns layer directories into lowers for an overlay mount.
//
// A layer directory is no overlayfs lower as it stands: deletions are AUFS
// names, the files' owner is not mapped in a rootless user namespace,
// publishing marks and the client's magic would show, and a CVMFS client
// reports a name length of 0. Two kinds of view put that right:
//
//   - Served, the default: a small FUSE server presents one merged tree for a
//     run of consecutive layers (package server). It is mounted, stacked by
//     overlayfs, and unmounted lazily at once: overlayfs keeps it alive, and
//     the server ends by itself when the container's mount goes. Nothing
//     counts references and no daemon runs.
//   - Direct: the layer directories themselves, for trees that are published
//     in overlayfs's form and owned by mapped accounts. A layer that is not is
//     refused.
package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// Kind is a way of turning layer directories into lowers.
type Kind string

const (
	Served Kind = "served"
	Direct Kind = "direct"
)

// Serves says whether the run becomes one served view, which needs a mount
// point. Direct does so where layer directories cannot be lowers themselves:
// owners are to be mapped or are not mapped, one directory stands in the run
// twice, or its path would end an option of the mount.
func (k Kind) Serves(s spec.Spec) bool {
	if k == Served || s.UIDs != nil || s.GIDs != nil {
		return true
	}
	seen := map[string]bool{}
	for _, l := range s.Layers {
		if seen[l.Path] || l.Unowned || strings.ContainsAny(l.Path, `:,\`) {
			return true
		}
		seen[l.Path] = true
	}
	return false
}

// Stack makes the lowers for a run of consecutive layers, topmost first. A
// served view is mounted at a mount point, nil where Serves says that none is
// needed; what lies below must be readable already. Once the overlay is mounted, or
// is not going to be, the mount point is to be released. On an error nothing is
// left mounted.
//
// Errors are cvmfs.ErrLayerUnknown (gone), cvmfs.ErrUnavailable,
// cvmfs.ErrMismatch (other content than recorded), cvmfs.ErrInvalidLayer (not
// fit for a direct view), and what FUSE refuses.
func (k Kind) Stack(s spec.Spec, at *Mountpoint) (lowers []string, err error) {
	if k == Direct {
		s.Layers = slices.Clone(s.Layers)
		for i, l := range s.Layers {
			if l.Overlay {
				continue
			}
			if err := checkDirect(l.Path); err != nil {
				return nil, fmt.Errorf("using layer %q as it is (view = %q): %w", l.Path, Direct, err)
			}
			s.Layers[i].Overlay = true
		}
	}
	if !k.Serves(s) {
		for _, l := range s.Layers {
			lowers = append(lowers, l.Path)
		}
		return lowers, nil
	}
	initial, err := userns.Initial()
	if err != nil {
		return nil, err
	}
	s.NoDevices = !initial
	if err := serve(s, at); err != nil {
		return nil, err
	}
	return []string{at.Dir}, nil
}
