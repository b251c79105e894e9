package server

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/confine"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// confineTo takes from this process all that serving layers does not need. Nothing
// in a layer has been looked at before. An error stops the start: a process that is
// not confined where the kernel can do it must not read what may be hostile.
func confineTo(layers []spec.Layer) error {
	capabilities, err := capabilities(layers)
	if err != nil {
		return err
	}
	rules := confine.Rules{Capabilities: capabilities}
	defer func() {
		for _, fd := range rules.Trees {
			unix.Close(fd)
		}
	}()
	seen := map[string]bool{}
	for _, l := range layers {
		path, open := l.Path, openStore
		if !l.Store {
			// Not the layer's directory: the client may have another one with the next revision.
			if path, _, err = cvmfs.SplitLayerPath(l.Path); err != nil {
				return err
			}
			open = openRepository
		}
		if seen[path] {
			continue
		}
		seen[path] = true
		fd, err := open(path)
		if err != nil {
			return fmt.Errorf("opening layer %q: %w", l.Path, err)
		}
		rules.Trees = append(rules.Trees, fd)
	}
	if err := confine.Apply(rules); err != nil {
		return fmt.Errorf("confining the view's server: %w", err)
	}
	return nil
}

func openRepository(path string) (int, error) {
	fd, err := beneath.Root(path, unix.O_PATH)
	if err != nil {
		return -1, fmt.Errorf("repository %q: %w", path, err)
	}
	return fd, nil
}

func openStore(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	return fd, cvmfs.FromFS(err)
}

// capabilities are what reading as root takes: the server of a container reads what
// podman reads that started it.
func capabilities(layers []spec.Layer) ([]int, error) {
	keep := []int{unix.CAP_DAC_READ_SEARCH}
	if slices.ContainsFunc(layers, func(l spec.Layer) bool { return l.Overlay }) {
		initial, err := userns.Initial()
		if err != nil {
			return nil, err
		}
		if initial {
			// Only its holders, in the initial user namespace, see the attributes by which
			// root's overlays mark opaque directories (trusted.overlay.opaque).
			keep = append(keep, unix.CAP_SYS_ADMIN)
		}
	}
	return keep, nil
}
