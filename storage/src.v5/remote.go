package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/sirupsen/logrus"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
)

// LayerKindRemoteReadonly is the Kind of a layer whose contents are a layer
// directory in a read-only repository. An ordinary layer's Kind is "".
const LayerKindRemoteReadonly = "remote-readonly"

// remoteFlag marks the record of a remote layer a second time, in a field that
// versions of this library without remote layers keep when they rewrite it.
const remoteFlag = "remote-readonly"

// RemoteLayerRecord is what a layer's record says of a remote layer.
type RemoteLayerRecord struct {
	// Kind is LayerKindRemoteReadonly, or "" for an ordinary layer.
	Kind string `json:"kind,omitempty"`

	// RemotePath is the absolute path of the layer directory.
	RemotePath string `json:"remote-path,omitempty"`

	// RemoteIdentity says which content that directory held when the layer
	// was recorded, where the repository tells.
	RemoteIdentity *cvmfs.Identity `json:"remote-identity,omitempty"`
}

func newRemoteLayerRecord(layer cvmfs.Layer) RemoteLayerRecord {
	record := RemoteLayerRecord{Kind: LayerKindRemoteReadonly, RemotePath: layer.Path}
	if layer.Identity != (cvmfs.Identity{}) {
		identity := layer.Identity
		record.RemoteIdentity = &identity
	}
	return record
}

// remoteLayer is what create() is told of a remote layer.
type remoteLayer struct {
	layer              cvmfs.Layer
	compressedDigest   digest.Digest
	compressedSize     int64 // -1 if not known
	uncompressedDigest digest.Digest
	mediaType          string
}

// describe fills in the record of a layer that is being created.
func (r *remoteLayer) describe(layer *Layer) {
	layer.RemoteLayerRecord = newRemoteLayerRecord(r.layer)
	layer.Flags[remoteFlag] = true
	layer.CompressedDigest = r.compressedDigest
	layer.CompressedSize = r.compressedSize
	layer.UncompressedDigest = r.uncompressedDigest
	layer.UncompressedSize = r.layer.DiffSize
	if layer.UncompressedSize < 0 { // the best guess there is, and a lower bound
		layer.UncompressedSize = r.compressedSize
	}
	layer.UIDs, layer.GIDs = []uint32{0}, []uint32{0}
	switch { // as containers/image names media types
	case strings.HasSuffix(r.mediaType, "gzip"):
		layer.CompressionType = archive.Gzip
	case strings.HasSuffix(r.mediaType, "zstd"):
		layer.CompressionType = archive.Zstd
	}
}

// createRemote has the driver create a remote layer.
func (r *layerStore) createRemote(id, parent string, remote *remoteLayer) error {
	driver, ok := r.driver.(drivers.RemoteLayerDriver)
	if !ok {
		return fmt.Errorf("the %s driver can not use layers of a repository: %w", r.driver.String(), drivers.ErrNotSupported)
	}
	return driver.CreateRemote(id, parent, remote.layer)
}

// mappedFlag marks the mapped copy of an image's top layer that holds nothing of
// its own. It has that layer's digests, which name it in images that are made on
// top, but whoever looks for contents by digest must not find it.
const mappedFlag = "remote-mapped"

// noteMapped marks a layer that is being created, if it is such a copy.
func (r *layerStore) noteMapped(layer *Layer) error {
	driver, ok := r.driver.(drivers.RemoteLayerDriver)
	if !ok {
		return nil
	}
	mapped, err := driver.MapsRemote(layer.ID)
	if mapped {
		layer.Flags[mappedFlag] = true
	}
	return err
}

// mapsRemote says whether noteMapped has marked the layer.
func (l *Layer) mapsRemote() bool {
	mapped, _ := l.Flags[mappedFlag].(bool)
	return mapped
}

// errRemoteRecovered asks for layers.json to be saved.
var errRemoteRecovered = errors.New("the records of remote layers have to be recovered")

// recoverRemote restores, from the driver's record, what a version of this
// library without remote layers dropped when it rewrote layers.json, or ends
// what a process began that was killed while it made the layer local, and says
// whether it did.
func (r *layerStore) recoverRemote(layer *Layer) bool {
	if flagged, _ := layer.Flags[remoteFlag].(bool); !flagged || layer.Kind != "" {
		return false
	}
	driver, ok := r.driver.(drivers.RemoteLayerDriver)
	if !ok {
		return false
	}
	remote, err := driver.RemoteLayer(layer.ID)
	if err != nil {
		logrus.Debugf("Recovering the record of remote layer %q: %v", layer.ID, err)
	}
	if err != nil {
		return false
	}
	if remote == nil {
		delete(layer.Flags, remoteFlag)
		return true
	}
	layer.RemoteLayerRecord = newRemoteLayerRecord(*remote)
	return true
}

// NewRemoteLayerPull starts the pull of one image. mode is "auto", "only" or
// "off", or "" for what is configured.
func (s *store) NewRemoteLayerPull(mode string) (*pull.Pull, error) {
	conf, err := s.RemoteLayerConfig()
	if errors.Is(err, drivers.ErrNotSupported) && (mode == "" || mode == string(config.Off)) {
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
		_, _, err := s.PutLayer("", parent, nil, "", false, &LayerOptions{remotes: run}, nil)
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
			remote: &remoteLayer{
				layer:              put.Found.Layer,
				compressedDigest:   put.Digest,
				compressedSize:     put.Size,
				uncompressedDigest: put.Found.DiffID,
				mediaType:          put.Found.MediaType,
			},
		}, false, nil)
		switch {
		case err == nil:
			run.created = append(run.created, put.ID)
		case !errors.Is(err, ErrDuplicateID):
			return err
		case layer.Kind == LayerKindRemoteReadonly:
			if layer, err = r.updateRemote(put.ID, put.Found.Layer); err != nil {
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

// saveRemoteIncomplete makes a persistent record of the layers that are about to
// be created, with the incomplete flag set.
func (r *layerStore) saveRemoteIncomplete(layers []RemoteLayer) error {
	n := len(r.layers)
	defer func() { r.layers = r.layers[:n] }()
	location := r.pickStoreLocation(false, false)
	for _, put := range layers {
		if _, ok := r.byid[put.ID]; !ok {
			r.layers = append(r.layers, &Layer{ID: put.ID, Created: time.Now().UTC(), Flags: map[string]any{incompleteFlag: true}, location: location})
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
func (r *layerStore) updateRemote(id string, found cvmfs.Layer) (*Layer, error) {
	layer, ok := r.lookup(id)
	driver, ok2 := r.driver.(drivers.RemoteLayerDriver)
	if !ok || !ok2 {
		return nil, ErrLayerUnknown
	}
	old, err := driver.RemoteLayer(layer.ID)
	if err != nil || old == nil { // made local in the meantime
		return copyLayer(layer), err
	}
	record := newRemoteLayerRecord(found)
	if *old == found && reflect.DeepEqual(layer.RemoteLayerRecord, record) {
		return copyLayer(layer), nil // up to date, and no process was killed between the two
	}
	if err := driver.UpdateRemote(layer.ID, found); err != nil {
		return nil, err
	}
	layer.RemoteLayerRecord = record
	return copyLayer(layer), r.saveFor(layer)
}

// ReplaceRemoteLayer makes a remote layer local.
func (s *store) ReplaceRemoteLayer(id string, options *LayerOptions, diff io.Reader) (*Layer, int64, error) {
	old, err := s.Layer(id)
	if err != nil {
		return nil, -1, err
	}
	if old.ReadOnly {
		return nil, -1, fmt.Errorf("making remote layer %s of an additional store local: %w", old.ID, ErrStoreIsReadOnly)
	}
	var replacing LayerOptions
	if options != nil {
		replacing = *options
	}
	replacing.replaces = old.ID
	return s.PutLayer("", old.Parent, nil, old.MountLabel, false, &replacing, diff)
}

// replaceRemote moves the contents and the description of an ordinary layer
// to a remote one. The ordinary one must be incomplete: whenever the process is
// killed, what is left of it goes when the store is opened next.
//
// Requires startWriting.
func (r *layerStore) replaceRemote(id, from string) (*Layer, error) {
	layer, ok := r.lookup(id)
	local, ok2 := r.lookup(from)
	driver, ok3 := r.driver.(drivers.RemoteLayerDriver)
	if !ok || !ok2 || !ok3 {
		return nil, ErrLayerUnknown
	}
	remote, err := driver.RemoteLayer(layer.ID)
	if err != nil {
		return nil, err
	}
	// The headers of the tar first: without remote kind they belong to the contents.
	if err := os.Rename(r.tspath(from), r.tspath(layer.ID)); err != nil {
		return nil, err
	}
	// The flag stays until the driver has the contents: with it, the driver's
	// record says what the layer is, whether or not it got there.
	layer.RemoteLayerRecord = RemoteLayerRecord{}
	r.deleteInDigestMap(layer.ID)
	layer.CompressedDigest, layer.CompressedSize = local.CompressedDigest, local.CompressedSize
	layer.UncompressedDigest, layer.UncompressedSize = local.UncompressedDigest, local.UncompressedSize
	layer.CompressionType, layer.UIDs, layer.GIDs = local.CompressionType, local.UIDs, local.GIDs
	r.bycompressedsum[layer.CompressedDigest] = append(r.bycompressedsum[layer.CompressedDigest], layer.ID)
	r.byuncompressedsum[layer.UncompressedDigest] = append(r.byuncompressedsum[layer.UncompressedDigest], layer.ID)
	err = r.saveFor(layer)
	if err == nil && remote != nil { // else made local in the meantime
		err = driver.MakeLocal(layer.ID, from)
	}
	r.recoverRemote(layer)
	if err2 := r.saveFor(layer); err == nil {
		err = err2
	}
	if err != nil {
		return nil, err
	}
	return copyLayer(layer), nil
}
