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
// versions of this library without remote layers keep when they rewrite it. Its
// value is the layer's RemoteDiffID, which the driver's record does not have. It
// was true in earlier versions, which kept the diffID as UncompressedDigest.
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

	// RemoteDiffID and RemoteDigest are what the config and the manifest of
	// the image say that the directory was unpacked from. Nobody has compared
	// its contents with them, so they are not in UncompressedDigest and
	// CompressedDigest, and no look-up by digest finds the layer. An ordinary
	// layer has RemoteDigest if it was a remote one and kept its ID.
	RemoteDiffID digest.Digest `json:"remote-diff-id,omitempty"`
	RemoteDigest digest.Digest `json:"remote-digest,omitempty"`
}

// StatedDigests returns the diffID of the layer and the digest of its compressed
// blob, as configs and manifests of images that contain it name them. Those of
// an ordinary layer were computed from its contents. Those of a remote layer are
// claims: they must not be used to look for contents. Either is "" if not known.
func (l *Layer) StatedDigests() (diffID, blob digest.Digest) {
	diffID, blob = l.UncompressedDigest, l.CompressedDigest
	if l.RemoteDiffID != "" {
		diffID = l.RemoteDiffID
	}
	if l.RemoteDigest != "" {
		blob = l.RemoteDigest
	}
	return diffID, blob
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
	layer          cvmfs.Layer
	diffID         digest.Digest
	digest         digest.Digest // of the compressed blob
	compressedSize int64         // -1 if not known
	mediaType      string
}

// describe fills in the record of a layer that is being created, if r is not nil.
func (r *remoteLayer) describe(layer *Layer) {
	if r == nil {
		return
	}
	layer.RemoteLayerRecord = newRemoteLayerRecord(r.layer)
	layer.RemoteDiffID, layer.RemoteDigest = r.diffID, r.digest
	layer.Flags[remoteFlag] = r.diffID.String()
	layer.CompressedSize = r.compressedSize
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
// top, but no look-up by digest finds it.
const mappedFlag = "remote-mapped"

// noteMapped marks a layer that is being created from template, if it is such a
// copy.
func (r *layerStore) noteMapped(layer *Layer, template string) error {
	driver, ok := r.driver.(drivers.RemoteLayerDriver)
	if !ok {
		return nil
	}
	mapped, err := driver.MapsRemote(layer.ID)
	if !mapped {
		return err
	}
	layer.Flags[mappedFlag] = true
	if original, ok := r.lookup(template); ok {
		layer.RemoteDiffID, layer.RemoteDigest = original.RemoteDiffID, original.RemoteDigest
	}
	return err
}

// MapsRemote says whether the layer is a mapped copy, with another ID, of an
// image's top layer, that is a remote one or has such layers beneath, and holds
// nothing of its own.
func (l *Layer) MapsRemote() bool {
	mapped, _ := l.Flags[mappedFlag].(bool)
	return mapped
}

// RecordsSize says whether UncompressedSize is valid, if it is not negative: a layer
// of which no digest was computed has a size only if it is a remote one, or the
// mapped copy of one.
func (l *Layer) RecordsSize() bool {
	return l.UncompressedDigest != "" || l.Kind != "" || l.MapsRemote()
}

// errRemoteRecovered asks for layers.json to be saved.
var errRemoteRecovered = errors.New("the records of remote layers have to be recovered")

// recoverRemote restores, from the driver's record, what a version of this
// library without remote layers dropped when it rewrote layers.json, or ends
// what a process began that was killed while it made the layer local. It also
// moves the digests of a layer that an earlier version recorded to where claims
// are. It says whether it did anything.
func (r *layerStore) recoverRemote(layer *Layer) bool {
	if layer.Kind != "" {
		return layer.separateClaims()
	}
	flagged, diffID := layer.remoteMark()
	if !flagged {
		return false
	}
	driver, ok := r.driver.(drivers.RemoteLayerDriver)
	if !ok {
		return false
	}
	remote, err := driver.RemoteLayer(layer.ID)
	if err != nil {
		logrus.Debugf("Recovering the record of remote layer %q: %v", layer.ID, err)
		return layer.separateClaims()
	}
	if remote == nil {
		delete(layer.Flags, remoteFlag)
		return true
	}
	layer.RemoteLayerRecord = newRemoteLayerRecord(*remote)
	layer.RemoteDiffID = diffID
	if _, layer.RemoteDigest, err = cvmfs.SplitLayerPath(remote.Path); err != nil {
		logrus.Debugf("Recovering the digest of remote layer %q: %v", layer.ID, err)
	}
	layer.separateClaims()
	return true
}

// remoteMark says whether the layer's flags mark it as a remote one, and which
// diffID they state, if any.
func (l *Layer) remoteMark() (marked bool, diffID digest.Digest) {
	switch value := l.Flags[remoteFlag].(type) {
	case string:
		return true, digest.Digest(value)
	case bool:
		return value, ""
	}
	return false, ""
}

// separateClaims takes the digests of a remote layer for claims, and says whether
// they were recorded as computed ones.
func (l *Layer) separateClaims() bool {
	if l.UncompressedDigest == "" && l.CompressedDigest == "" {
		return false
	}
	l.RemoteDiffID, l.RemoteDigest = l.StatedDigests()
	l.UncompressedDigest, l.CompressedDigest = "", ""
	if l.Flags == nil {
		l.Flags = map[string]any{}
	}
	l.Flags[remoteFlag] = l.RemoteDiffID.String()
	return true
}
