//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"context"
	"errors"
	"fmt"
	"io"

	digest "github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// remoteLayers is what a destination knows of layers that read-only
// repositories have. The zero value is that of a copy which is not a pull: it
// uses the remote layers of the store as it finds them.
type remoteLayers struct {
	pull    *pull.Pull              // Decides where each layer comes from; nil if this copy is not a pull
	diffIDs []digest.Digest         // Of the image's layers, as its config names them; empty if that can't be used
	sizes   map[digest.Digest]int64 // Sizes in the manifest of layers that a repository has; accessed with the destination's lock

	// Accessed by the one goroutine that commits layers, and by Close.
	own     map[string]bool // IDs of layers that are local in place of remote ones, in this store or an additional one
	pending remoteRun       // Layers that the store is told of together
	created []string        // IDs of the layers that this pull has created, base first, until the image is committed
	put     bool            // One of them is a remote layer
}

// remoteRun is a run of remote layers, base first.
type remoteRun struct {
	parent string
	layers []storage.RemoteLayer
}

// newRemoteLayers prepares a copy to store as sys.StorageRemoteLayers asks for.
func newRemoteLayers(sys *types.SystemContext, store storage.Store) (remoteLayers, error) {
	if sys == nil || sys.StorageRemoteLayers == nil {
		return remoteLayers{}, nil
	}
	pull, err := store.NewRemoteLayerPull(*sys.StorageRemoteLayers)
	if err != nil {
		return remoteLayers{}, fmt.Errorf("preparing to use remote layers: %w", err)
	}
	return remoteLayers{pull: pull, sizes: map[digest.Digest]int64{}, own: map[string]bool{}}, nil
}

// close ends what asks repositories.
func (r *remoteLayers) close() {
	if r.pull != nil {
		r.pull.Close()
	}
}

// NoteOriginalOCIConfig takes the config of the image that is about to be copied, or the reason why there is none
// that can be used: layers whose contents nobody reads are identified by its diffIDs.
func (s *storageImageDestination) NoteOriginalOCIConfig(ociConfig *imgspecv1.Image, configErr error) error {
	if s.remote.pull == nil {
		return nil
	}
	var diffIDs []digest.Digest
	if configErr == nil {
		diffIDs = ociConfig.RootFS.DiffIDs
	}
	s.remote.diffIDs = diffIDs
	s.remote.pull.NoteDiffIDs(diffIDs, configErr)
	return nil
}

// tryRemoteLayer is TryReusingBlobWithOptions for layers that a repository has. The look-up may have to wait for a
// file system that hangs: it must be called without holding s.lock.
func (s *storageImageDestination) tryRemoteLayer(ctx context.Context, blobinfo types.BlobInfo, options *private.TryReusingBlobOptions) (bool, private.ReusedBlob, error) {
	if s.remote.pull == nil || options.LayerIndex == nil {
		return false, private.ReusedBlob{}, nil
	}
	answer, err := s.remote.pull.Layer(ctx, pull.Question{
		Index:     *options.LayerIndex,
		Digest:    blobinfo.Digest,
		MediaType: blobinfo.MediaType,
		URLs:      blobinfo.URLs,
		Empty:     options.EmptyLayer,
		Recorded:  s.remoteDigests,
	})
	if err != nil || answer == nil {
		return false, private.ReusedBlob{}, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.blobDiffIDs[blobinfo.Digest] = answer.DiffID
	s.remote.sizes[blobinfo.Digest] = blobinfo.Size
	reused := private.ReusedBlob{Digest: blobinfo.Digest, Size: blobinfo.Size}
	if !s.staysLocal(*options.LayerIndex) {
		reused.Origin = answer.Repository
	}
	return true, reused, nil
}

// staysLocal says whether the store has the image's layer with this index as an ordinary one, which it then stays.
func (s *storageImageDestination) staysLocal(index int) bool {
	if index >= len(s.remote.diffIDs) {
		return false
	}
	id := s.remote.diffIDs[0].Hex()
	for _, diffID := range s.remote.diffIDs[1 : index+1] { // as commitLayer does
		id = digest.Canonical.FromBytes([]byte(id + "+" + diffID.Hex())).Hex()
	}
	layer, err := s.imageRef.transport.store.Layer(id)
	return err == nil && layer.Kind != storage.LayerKindRemoteReadonly
}

// remoteDigests gives the digests of the store's remote layers with this diffID.
func (s *storageImageDestination) remoteDigests(diffID digest.Digest) []digest.Digest {
	digests := []digest.Digest{}
	layers, err := s.imageRef.transport.store.LayersByUncompressedDigest(diffID)
	if err != nil { // There are none, or using the store for this layer will fail anyway
		return digests
	}
	for _, layer := range layers {
		if layer.Kind == storage.LayerKindRemoteReadonly {
			digests = append(digests, layer.CompressedDigest)
		}
	}
	return digests
}

// mayReuseLayer says whether a layer of the store may be used on top of parent because its ID is right. A pull decides
// anew about every remote layer. What stands on a layer that this pull has put in the place of an additional store's is
// put there, too: those who remove the image remove the layers of their own store from the top.
func (s *storageImageDestination) mayReuseLayer(layer *storage.Layer, parent string) bool {
	if s.remote.pull == nil {
		return true
	}
	return layer.Kind != storage.LayerKindRemoteReadonly && !(layer.ReadOnly && s.remote.own[parent])
}

// queueRemoteLayer takes the layer with digest d as a remote one if this pull has found it in a repository, and says
// whether it did. A remote layer with that ID is recorded anew: its repository may have moved.
func (s *storageImageDestination) queueRemoteLayer(id, parent string, d digest.Digest) (bool, error) {
	if s.remote.pull == nil {
		return false, nil
	}
	answer := s.remote.pull.Found(d)
	if answer == nil {
		return false, nil
	}
	s.lock.Lock()
	size := s.remote.sizes[d]
	s.lock.Unlock()
	if n := len(s.remote.pending.layers); n > 0 && s.remote.pending.layers[n-1].ID != parent {
		if err := s.putRemoteLayers(); err != nil { // a layer of the store is in between
			return false, err
		}
	}
	if len(s.remote.pending.layers) == 0 {
		s.remote.pending.parent = parent
	}
	s.remote.pending.layers = append(s.remote.pending.layers, storage.RemoteLayer{ID: id, Found: answer, Digest: d, Size: size})
	return true, nil
}

// putRemoteLayers records the layers that were queued, before something is put on top of them. The store writes its
// list of layers as a whole, and to disk, so that a time for each of them is what a pull would take longest for.
func (s *storageImageDestination) putRemoteLayers() error {
	run := s.remote.pending
	s.remote.pending = remoteRun{}
	if len(run.layers) == 0 {
		return nil
	}
	created, err := s.imageRef.transport.store.PutRemoteLayers(run.parent, run.layers)
	if len(created) > 0 {
		s.remote.created = append(s.remote.created, created...)
		s.remote.put = true
	}
	if err != nil {
		return fmt.Errorf("recording remote layers, from %s on: %w", run.layers[0].Digest, err)
	}
	return nil
}

// localLayers drops the remote ones from what a look-up in the store has given. A remote layer's tar cannot be had
// from the store: its files do not tell the owners.
func localLayers(layers []storage.Layer, err error) ([]storage.Layer, error) {
	if err != nil {
		return nil, err
	}
	local := []storage.Layer{}
	for _, layer := range layers {
		if layer.Kind != storage.LayerKindRemoteReadonly {
			local = append(local, layer)
		}
	}
	if len(local) == 0 {
		return nil, storage.ErrLayerUnknown
	}
	return local, nil
}

// reusableLayers drops the layers that can't stand for a blob from what a look-up in the store has given: for a pull
// the remote ones. Those that it may use it has found in a repository again, and does not look for in the store.
func (s *storageImageDestination) reusableLayers(layers []storage.Layer, err error) ([]storage.Layer, error) {
	if s.remote.pull == nil {
		return layers, err
	}
	if layers, err = localLayers(layers, err); err != nil || s.remote.pull.Mode() != config.Off {
		return layers, err
	}
	reusable := []storage.Layer{}
	for _, layer := range layers {
		if !s.onSharedRemote(layer) {
			reusable = append(reusable, layer)
		}
	}
	if len(reusable) == 0 {
		return nil, storage.ErrLayerUnknown
	}
	return reusable, nil
}

// onSharedRemote says whether a layer is an additional store's and stands on a remote one there. A pull without remote
// layers will need one of its own, and the original is surer to be had than a copy from files of another account.
func (s *storageImageDestination) onSharedRemote(layer storage.Layer) bool {
	for parent := layer.Parent; layer.ReadOnly && parent != ""; {
		below, err := s.imageRef.transport.store.Layer(parent)
		if err != nil {
			return false
		}
		if below.ReadOnly && below.Kind == storage.LayerKindRemoteReadonly {
			return true
		}
		parent = below.Parent
	}
	return false
}

// replacesRemoteLayer says whether the layer with digest d is a remote one in the store that this pull has not found
// again. Only contents can take its place.
func (s *storageImageDestination) replacesRemoteLayer(d digest.Digest) bool {
	if s.remote.pull == nil || s.remote.pull.Found(d) != nil {
		return false
	}
	layers, err := s.imageRef.transport.store.LayersByCompressedDigest(d)
	if err != nil {
		return false
	}
	for _, layer := range layers {
		if layer.Kind == storage.LayerKindRemoteReadonly {
			return true
		}
	}
	return false
}

// putLayer creates a layer from diff, or makes a remote layer with that ID local.
func (s *storageImageDestination) putLayer(id, parent string, options *storage.LayerOptions, diff io.ReadSeeker) (*storage.Layer, error) {
	store := s.imageRef.transport.store
	remote := func() bool {
		layer, err := store.Layer(id)
		return err == nil && !s.mayReuseLayer(layer, parent)
	}
	if !remote() {
		layer, _, err := store.PutLayer(id, parent, nil, "", false, options, diff)
		if err == nil {
			s.remote.created = append(s.remote.created, layer.ID)
		}
		if !errors.Is(err, storage.ErrDuplicateID) || !remote() {
			return layer, err
		}
		// Another pull has put a remote one there this moment.
		if _, err := diff.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("reading layer %q again: %w", id, err)
		}
	}
	layer, _, err := store.ReplaceRemoteLayer(id, options, diff)
	if err == nil {
		s.remote.own[layer.ID] = true
	}
	return layer, err
}

// mayDownload is an error if the pull must not download a blob. Some layers are never asked for: those that are
// decrypted on the way, or converted.
func (s *storageImageDestination) mayDownload(blobinfo types.BlobInfo, notLayer bool) error {
	if s.remote.pull == nil || notLayer {
		return nil
	}
	return s.remote.pull.MayDownload(blobinfo.Digest)
}

// discardUncommitted deletes the layers of a pull that has failed, if some of them are remote: such a layer costs
// nothing to make again, and would be left over from an image that never was. A pull without one keeps its layers,
// for the next try. The store refuses to delete what something else uses by now.
func (s *storageImageDestination) discardUncommitted() {
	if !s.remote.put {
		return
	}
	for i := len(s.remote.created) - 1; i >= 0; i-- {
		id := s.remote.created[i]
		if err := s.imageRef.transport.store.DeleteLayer(id); err != nil {
			logrus.Debugf("Not deleting layer %q of a failed pull: %v", id, err)
		}
	}
	s.remote.created = nil
}
