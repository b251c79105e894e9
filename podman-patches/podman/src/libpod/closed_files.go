//go:build !remote
// +build !remote

package libpod

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containers/podman/v5/libpod/define"
	securejoin "github.com/cyphar/filepath-securejoin"
	spec "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view"
	"github.com/sirupsen/logrus"
)

// nameClosedFile names the file in an error of a start which a file caused that the
// repository's permissions keep from this user, and says what to do. A runtime tells
// that something was denied, and not what.
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
		paths = readAtStart(ctrSpec)
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

// readAtStart returns paths in the container of what its runtime reads: directories
// that are copied into a tmpfs, and the program.
func readAtStart(ctrSpec *spec.Spec) []string {
	var paths []string
	for _, mount := range ctrSpec.Mounts {
		if mount.Type == define.TypeTmpfs && slices.Contains(mount.Options, "tmpcopyup") {
			paths = append(paths, mount.Destination)
		}
	}
	if ctrSpec.Process == nil || len(ctrSpec.Process.Args) == 0 {
		return paths
	}
	program := ctrSpec.Process.Args[0]
	if filepath.IsAbs(program) {
		return append(paths, program)
	}
	if strings.Contains(program, "/") {
		return append(paths, filepath.Join("/", ctrSpec.Process.Cwd, program))
	}
	for _, env := range ctrSpec.Process.Env {
		if path, ok := strings.CutPrefix(env, "PATH="); ok {
			for _, dir := range filepath.SplitList(path) {
				paths = append(paths, filepath.Join(dir, program))
			}
		}
	}
	return paths
}
