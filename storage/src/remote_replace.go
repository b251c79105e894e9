package storage

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	drivers "go.podman.io/storage/drivers"
)

// ReplaceRemoteLayer makes a remote layer local.
func (s *store) ReplaceRemoteLayer(id string, options *LayerOptions, diff io.Reader) (*Layer, int64, error) {
	old, err := s.Layer(id)
	if err != nil {
		return nil, -1, err
	}
	if old.ReadOnly { // in an additional store, where it stays; ours is found first
		layer, size, err := s.PutLayer(id, old.Parent, nil, old.MountLabel, false, options, diff)
		if err != nil {
			return nil, -1, err
		}
		if err := old.checkReplacement(layer); err != nil {
			return nil, -1, errors.Join(err, s.DeleteLayer(layer.ID))
		}
		return layer, size, nil
	}
	var replacing LayerOptions
	if options != nil {
		replacing = *options
	}
	replacing.replaces = old.ID
	return s.PutLayer("", old.Parent, nil, old.MountLabel, false, &replacing, diff)
}

// checkReplacement is an error if the contents of an ordinary layer are not those
// that l was recorded with.
func (l *Layer) checkReplacement(local *Layer) error {
	if stated, _ := l.StatedDigests(); local.UncompressedDigest != stated {
		return fmt.Errorf("replacing layer %q: %w: it is recorded with diffID %q, and the new contents have %q",
			l.ID, cvmfs.ErrMismatch, stated, local.UncompressedDigest)
	}
	return nil
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
	if err := layer.checkReplacement(local); err != nil {
		return nil, err
	}
	remote, err := driver.RemoteLayer(layer.ID)
	isRemote := remote != nil || errors.Is(err, drivers.ErrRemoteRecord)
	if err != nil && !isRemote {
		return nil, err
	}
	if !isRemote && layer.Kind == "" { // an ordinary layer, or made local in the meantime: it has these contents
		return copyLayer(layer), nil
	}
	// The headers of the tar first: without remote kind they belong to the contents.
	if err := os.Rename(r.tspath(from), r.tspath(layer.ID)); err != nil {
		return nil, err
	}
	// The flag stays until the driver has the contents: with it, the driver's
	// record says what the layer is, whether or not it got there.
	layer.RemoteLayerRecord = RemoteLayerRecord{RemoteDigest: layer.RemoteDigest}
	r.deleteInDigestMap(layer.ID)
	layer.CompressedDigest, layer.CompressedSize = local.CompressedDigest, local.CompressedSize
	layer.UncompressedDigest, layer.UncompressedSize = local.UncompressedDigest, local.UncompressedSize
	layer.CompressionType, layer.UIDs, layer.GIDs = local.CompressionType, local.UIDs, local.GIDs
	r.bycompressedsum[layer.CompressedDigest] = append(r.bycompressedsum[layer.CompressedDigest], layer.ID)
	r.byuncompressedsum[layer.UncompressedDigest] = append(r.byuncompressedsum[layer.UncompressedDigest], layer.ID)
	err = r.saveFor(layer)
	if err == nil && isRemote { // else made local in the meantime
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
