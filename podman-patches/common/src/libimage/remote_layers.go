//go:build !remote
// +build !remote

package libimage

import (
	"fmt"

	cvmfs "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	registryTransport "go.podman.io/image/v5/docker"
	storageTransport "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
)

// checkRemoteLayers is an error if mode is not a mode of PullOptions.RemoteLayers, or asks for something that a pull
// from ref can't do: only images from registries name their layers by the digests that repositories know.
func checkRemoteLayers(mode string, ref types.ImageReference) error {
	if mode == "" {
		return nil
	}
	parsed, err := cvmfs.ParseMode(mode)
	if err != nil {
		return fmt.Errorf("using layers of a repository: %w", err)
	}
	if transport := ref.Transport().Name(); parsed != cvmfs.Off && transport != registryTransport.Transport.Name() {
		return fmt.Errorf("using layers of a repository (mode %q) is not supported for %s transport", mode, transport)
	}
	return nil
}

// useRemoteLayers makes the copy a pull that may use layers of repositories, as mode says.
func (c *Copier) useRemoteLayers(mode string) {
	c.systemContext.StorageRemoteLayers = &mode
}

// refuseRemoteLayers makes a copy from source bring all contents itself: the store's remote layers, whose diffIDs are
// claims of the images that they were pulled with, do not stand for its blobs. Within the store they have to, since
// nothing else is there.
func (c *Copier) refuseRemoteLayers(source types.ImageReference) {
	if source.Transport().Name() != storageTransport.Transport.Name() {
		c.useRemoteLayers(string(cvmfs.Off))
	}
}
