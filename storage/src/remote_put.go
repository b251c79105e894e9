package storage

import (
	"errors"
	"reflect"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/sirupsen/logrus"
	drivers "go.podman.io/storage/drivers"
)

// RemoteLayer is a layer that a pull has found in a repository.
type RemoteLayer struct {
	ID     string
	Found  *pull.Answer
	Digest digest.Digest // Of the compressed blob
	Size   int64         // Of the compressed blob, in bytes; -1 if not known
}

// remoteLayers is what create() is told of remote layers, and what it tells.
type remoteLayers struct {
	layers  []RemoteLayer
	created []string
}

// PutRemoteLayers creates remote layers from what repositories have.
func (s *store) PutRemoteLayers(parent string, layers []RemoteLayer) (created []string, err error) {
	for len(layers) > 0 {
		n := 0
		for n < len(layers) && s.sharedRemote(layers[n].ID, layers[n].Found.Layer) == nil {
			n++
		}
		if n == 0 { // an additional store has it
			parent, layers = layers[0].ID, layers[1:]
			continue
		}
		run := &remoteLayers{layers: layers[:n]}
		_, _, err := s.PutLayer("", parent, nil, "", false, &LayerOptions{remoteLayerOptions: remoteLayerOptions{remotes: run}}, nil)
		created = append(created, run.created...)
		if err != nil {
			return created, err
		}
		parent, layers = layers[n-1].ID, layers[n:]
	}
	return created, nil
}

// putRemote creates the layers of options.remotes, or records them anew, on top of
// parent.  layers.json is written once before and once after: whenever the process
// is killed, what is there of them goes when the store is opened next.
//
// Requires startWriting.
func (r *layerStore) putRemote(parent *Layer, options *LayerOptions) (retErr error) {
	run := options.remotes
	defer func() {
		if retErr == nil {
			return
		}
		for i := len(run.created) - 1; i >= 0; i-- {
			if err := r.deleteWhileHoldingLock(run.created[i]); err != nil {
				logrus.Errorf("While recovering from a failure to put remote layers, error deleting layer %#v: %v", run.created[i], err)
			}
		}
		run.created = nil
	}()
	begun := false
	for i, put := range run.layers {
		if _, ok := r.byid[put.ID]; !ok && !begun {
			if err := r.saveRemoteIncomplete(run.layers[i:]); err != nil {
				return err
			}
			begun = true
		}
		layer, _, err := r.create(put.ID, parent, nil, "", nil, &LayerOptions{
			IDMappingOptions: options.IDMappingOptions,
			remoteLayerOptions: remoteLayerOptions{remote: &remoteLayer{
				layer:          put.Found.Layer,
				diffID:         put.Found.DiffID,
				digest:         put.Digest,
				compressedSize: put.Size,
				mediaType:      put.Found.MediaType,
			}},
		}, false, nil)
		switch {
		case err == nil:
			run.created = append(run.created, put.ID)
		case !errors.Is(err, ErrDuplicateID):
			return err
		case layer.isRemote():
			if layer, err = r.updateRemote(put); err != nil {
				return err
			}
		}
		parent = layer
	}
	if !begun {
		return nil
	}
	return r.saveFor(parent)
}

// saveCreated saves a layer that create() makes. One of a repository is saved by
// putRemote, together with the others of its image.
func (r *layerStore) saveCreated(layer *Layer, options *LayerOptions) error {
	if options.remote != nil {
		return nil
	}
	return r.saveFor(layer)
}

// saveRemoteIncomplete makes a persistent record of the layers that are about to
// be created, with the incomplete flag set.
func (r *layerStore) saveRemoteIncomplete(layers []RemoteLayer) error {
	n := len(r.layers)
	defer func() { r.layers = r.layers[:n] }()
	for _, put := range layers {
		if _, ok := r.byid[put.ID]; !ok {
			layer := r.newRecord(put.ID)
			layer.Created, layer.Flags = time.Now().UTC(), map[string]any{incompleteFlag: true}
			r.layers = append(r.layers, layer)
		}
	}
	return r.saveFor(r.layers[n])
}

// sharedRemote finds a remote layer with this ID and the contents of found in
// an additional store.
func (s *store) sharedRemote(id string, found cvmfs.Layer) *Layer {
	layer, err := s.Layer(id)
	if err != nil || !layer.ReadOnly || layer.RemotePath != found.Path {
		return nil
	}
	if was := layer.RemoteIdentity; was != nil && was.CatalogHash != found.CatalogHash {
		return nil
	}
	return layer
}

// updateRemote records a remote layer anew: its repository moved, or was
// published again.
//
// Requires startWriting.
func (r *layerStore) updateRemote(put RemoteLayer) (*Layer, error) {
	layer, ok := r.lookup(put.ID)
	driver, ok2 := r.driver.(drivers.RemoteLayerDriver)
	if !ok || !ok2 {
		return nil, ErrLayerUnknown
	}
	old, err := driver.RemoteLayer(layer.ID)
	if old == nil && !errors.Is(err, drivers.ErrRemoteRecord) { // made local in the meantime
		return copyLayer(layer), err
	}
	// Whether or not layers.json is up to date: a process may have been killed
	// between the two, or the power cut.
	if err := driver.UpdateRemote(layer.ID, layer.Parent, put.Found.Layer); err != nil {
		return nil, err
	}
	record := newRemoteLayerRecord(put.Found.Layer)
	record.RemoteDiffID, record.RemoteDigest = put.Found.DiffID, put.Digest
	if reflect.DeepEqual(layer.RemoteLayerRecord, record) {
		return copyLayer(layer), nil
	}
	layer.RemoteLayerRecord = record
	if layer.Flags == nil { // damaged
		layer.Flags = map[string]any{}
	}
	layer.Flags[remoteFlag] = record.RemoteDiffID.String()
	return copyLayer(layer), r.saveFor(layer)
}

// isRemote says whether the layer is remote, as far as layers.json tells.
func (l *Layer) isRemote() bool {
	flagged, _ := l.remoteMark()
	return flagged || l.Kind == LayerKindRemoteReadonly
}
