package storage

import (
	"errors"
	"fmt"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
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

// remoteLayerOptions is the part of LayerOptions that is not for callers of this
// library. All are zero for an ordinary layer.
type remoteLayerOptions struct {
	// remote makes the layer a remote one, which putRemote saves.
	remote *remoteLayer
	// remotes are the layers to put instead of one.
	remotes *remoteLayers
	// replaces is the ID of the remote layer that gets the contents of the new one, which goes.
	replaces string
}

// remoteLayer is what create() is told of a remote layer.
type remoteLayer struct {
	layer              cvmfs.Layer
	compressedDigest   digest.Digest
	compressedSize     int64 // -1 if not known
	uncompressedDigest digest.Digest
	mediaType          string
}

// describe fills in the record of a layer that is being created, if r is not nil.
func (r *remoteLayer) describe(layer *Layer) {
	if r == nil {
		return
	}
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
