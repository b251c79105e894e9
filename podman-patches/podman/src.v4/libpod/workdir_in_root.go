//go:build !remote
// +build !remote

package libpod

import (
	"fmt"
	"path/filepath"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// workDirInRoot follows the links of a container's working directory as a
// process in the container would, and gives its path on the host. An image's
// link to /etc is the container's /etc, never the host's. onMount says that the
// path leads to a volume or mount, which is the runtime's to resolve.
func (c *Container) workDirInRoot(workdir string) (path string, onMount bool, err error) {
	root := c.state.Mountpoint
	if path, err = securejoin.SecureJoin(root, workdir); err != nil {
		return "", false, fmt.Errorf("resolving workdir %q of container %s: %w", workdir, c.ID(), err)
	}
	inside, err := filepath.Rel(root, path)
	if err != nil {
		return "", false, err
	}
	inside = filepath.Join("/", inside)
	return path, isPathOnVolume(c, inside) || isPathOnMount(c, inside), nil
}
