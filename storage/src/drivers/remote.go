package graphdriver

import (
	"errors"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
)

// RemoteLayerDriver is implemented by drivers that can use the layer
// directories of a read-only repository in place of contents of their own.
// Such a layer is called remote.
type RemoteLayerDriver interface { //nolint:interfacebloat // what one driver does with one kind of layer
	// CreateRemote creates the layer id on top of parent (which may be "")
	// as a record of where its contents are. It does not access them.
	CreateRemote(id, parent string, layer cvmfs.Layer) error

	// UpdateRemote replaces what is recorded of the remote layer id on top of
	// parent, also where that cannot be read.
	UpdateRemote(id, parent string, layer cvmfs.Layer) error

	// RemoteLayer returns what is recorded of a remote layer, or nil if the
	// layer id is not one.  The error is ErrRemoteRecord if it is one, and what is
	// recorded cannot be read.
	RemoteLayer(id string) (*cvmfs.Layer, error)

	// MapsRemote says whether the layer id holds nothing of its own and
	// shows what is beneath with the owners mapped, after UpdateLayerIDMap.
	MapsRemote(id string) (bool, error)

	// MakeLocal turns the remote layer id into an ordinary one, with the
	// contents of the ordinary layer from, which has none afterwards.
	MakeLocal(id, from string) error

	// AwaitRemote waits until the remote layers of a stack, with layer id on
	// top, can be opened.  A mount of them that comes within that time needs not
	// open them again; 0 is for one that comes next.  The error is a
	// RemoteStackError.
	AwaitRemote(id string, within time.Duration) error

	// AwaitMounted waits until the layer id, which is mounted, answers, and one
	// remote layer of each repository that the stack is from.  The error is a
	// RemoteStackError.
	AwaitMounted(id string) error

	// PrepareRemote begins what AwaitRemote waits for, for all layers of the
	// stack, and does not wait.  An error is AwaitRemote's to tell.
	PrepareRemote(id string)

	// RemoteServers returns the processes that serve remote layers beneath the
	// layer id: not nil, if it is mounted with such layers.
	RemoteServers(id string) []int

	// RemoteLayerOptions returns what the driver's options say of repositories.
	RemoteLayerOptions() config.Options
}

// ErrRemoteRecord is returned for a remote layer whose record is damaged, or in a
// form that this version does not know.
var ErrRemoteRecord = errors.New("unusable record of a remote layer")

// RemoteStackError is the error of a Get that failed with remote layers in the
// stack. The record of the layers may be valid and their repository down, so
// callers must not take such a layer for a damaged one.
type RemoteStackError struct{ error }

// NewRemoteStackError returns err as a RemoteStackError.
func NewRemoteStackError(err error) error { return &RemoteStackError{err} }

func (e *RemoteStackError) Unwrap() error { return e.error }
