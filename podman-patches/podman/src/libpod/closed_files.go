//go:build !remote
// +build !remote

package libpod

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containers/podman/v5/libpod/define"
	securejoin "github.com/cyphar/filepath-securejoin"
	spec "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view"
	"github.com/sirupsen/logrus"
)

// nameClosedFile names the file in an error of a start which a file caused that the
// repository's permissions keep from this user, and says what to do. Of a program that
// cannot be executed the runtime tells itself, in the container's name.
func (c *Container) nameClosedFile(err error) error {
	text := strings.ToLower(err.Error())
	var paths []string
	switch {
	case strings.Contains(text, "unable to find user"), strings.Contains(text, "unable to find group"):
		paths = []string{"/etc/passwd", "/etc/group"}
	case strings.Contains(text, "permission denied"), errors.Is(err, define.ErrOCIRuntimePermissionDenied):
		ctrSpec, specErr := c.specFromState()
		if specErr != nil {
			logrus.Debugf("Finding what container %s reads when it starts: %v", c.ID(), specErr)
			return err
		}
		paths = copiedUp(ctrSpec)
	}
	for _, path := range paths {
		inside, joinErr := securejoin.SecureJoin(c.state.Mountpoint, path)
		if joinErr != nil || c.state.Mountpoint == "" {
			continue
		}
		if closed := view.ClosedFile(inside); closed != "" {
			return fmt.Errorf("%w: %q in image %s is closed to this user: `podman pull --cvmfs=off %[3]s` downloads it",
				err, strings.TrimPrefix(closed, c.state.Mountpoint), c.config.RootfsImageName)
		}
	}
	return err
}

// copiedUp returns the directories in the container that its runtime copies into a tmpfs.
func copiedUp(ctrSpec *spec.Spec) []string {
	var paths []string
	for _, mount := range ctrSpec.Mounts {
		if mount.Type == define.TypeTmpfs && slices.Contains(mount.Options, "tmpcopyup") {
			paths = append(paths, mount.Destination)
		}
	}
	return paths
}
