package storage

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/sirupsen/logrus"
	drivers "go.podman.io/storage/drivers"
)

// RemoteLayerStore is the part of Store that is about layers whose contents are
// in read-only repositories.
type RemoteLayerStore interface { //nolint:interfacebloat // a part of Store, which callers take as a whole
	// AwaitRemoteLayers waits until the repositories answer that have layers
	// which container, image or layer id stands on; it returns at once if there
	// are none, or if they are mounted and the options say nothing of that.  To
	// mount them, the store is locked: callers with locks of their own await a
	// repository that may hang before they take those.
	AwaitRemoteLayers(id string, options AwaitOptions) error

	// PrepareRemoteLayers begins what AwaitRemoteLayers waits for, and does not
	// wait: who makes a container of an image to start it has other things to do
	// before.  An error is AwaitRemoteLayers' to tell.
	PrepareRemoteLayers(id string)

	// RemoteLayerServers returns the processes that serve the remote layers which
	// container, image or layer id stands on: not nil, if it is mounted with such
	// layers, even if none of them runs any more.  They have to run for as long
	// as it is mounted.
	RemoteLayerServers(id string) ([]int, error)

	// RemoteLayerConfig returns what is configured about read-only
	// repositories: which there are, whether a pull asks them, and how their
	// layers are shown.  It does not access them.  The error is
	// drivers.ErrNotSupported if the driver can't use their layers.
	RemoteLayerConfig() (config.Config, error)

	// NewRemoteLayerPull starts the pull of one image, which may take layers
	// from read-only repositories.  mode is "auto", "only" or "off", or "" for
	// what is configured.
	NewRemoteLayerPull(mode string) (*pull.Pull, error)

	// PutRemoteLayers creates layers whose contents are layer directories in
	// repositories, as found by a pull, base first: the first on top of parent,
	// if it is not "", each other one on top of the one before it.  If a remote
	// layer has an ID already, its record is brought up to date.  It returns
	// the IDs of the layers that it has created, also with an error.
	PutRemoteLayers(parent string, layers []RemoteLayer) (created []string, err error)

	// ReplaceRemoteLayer gives a remote layer contents of its own: those of
	// diff, applied and verified as PutLayer does, which must have the diffID
	// that the layer was recorded with (else the error is
	// cvmfs.ErrMismatch).  Layers and containers on top of it stay as they
	// are.  An ordinary layer with that diffID stays as it is.
	ReplaceRemoteLayer(id string, options *LayerOptions, diff io.Reader) (*Layer, int64, error)
}

// AwaitOptions say what AwaitRemoteLayers waits for.
type AwaitOptions struct {
	// Mounted awaits what is mounted already, for a caller that reads files of it.
	// The only error then is that there was no answer.
	Mounted bool

	// AnewWithin, if it is not zero, opens layers that are mounted already, for a
	// caller that will mount them once more or in place of that within this time.
	AnewWithin time.Duration
}

// NewRemoteLayerPull starts the pull of one image. mode is "auto", "only" or
// "off", or "" for what is configured.
func (s *store) NewRemoteLayerPull(mode string) (*pull.Pull, error) {
	conf, err := s.RemoteLayerConfig()
	if mode == string(config.Off) && err != nil || mode == "" && errors.Is(err, drivers.ErrNotSupported) {
		conf, mode, err = config.Default(), string(config.Off), nil
	}
	if err != nil {
		return nil, err
	}
	return pull.New(conf, mode, func(line string) { logrus.Warn(line) })
}

// RemoteLayerConfig returns what is configured about remote layers.
func (s *store) RemoteLayerConfig() (config.Config, error) {
	driver, err := s.GraphDriver()
	if err != nil {
		return config.Config{}, err
	}
	remote, ok := driver.(drivers.RemoteLayerDriver)
	if !ok {
		return config.Config{}, fmt.Errorf("the %s driver can not use layers of a repository: %w", driver.String(), drivers.ErrNotSupported)
	}
	return config.Load(remote.RemoteLayerOptions())
}
