//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"context"
	"fmt"

	digest "github.com/opencontainers/go-digest"
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
	pull   *pull.Pull          // Decides where each layer comes from; nil if this copy is not a pull
	found  map[int]remoteLayer // By index, the layers that a repository has; accessed with the destination's lock
	known  map[int]bool        // By index, those that have a remote layer's ID in the store; likewise
	stored []*storage.Layer    // For a pull, the image's layers if the store had all of them, some with such an ID; else nil
	copied []*storage.Layer    // For another copy, the same, whatever their IDs

	// Accessed by the one goroutine that commits layers, and by Close.
	pending remoteRun // Layers that the store is told of together
	created []string  // IDs of the layers that this pull has created, base first, until the image is committed
	put     bool      // One of them is a remote layer
}

// remoteLayer is a layer that a repository has.
type remoteLayer struct {
	*pull.Answer
	size int64 // in the manifest
}

// remoteRun is a run of remote layers, base first.
type remoteRun struct {
	parent string
	layers []storage.RemoteLayer
}

// newRemoteLayers prepares a copy to store as sys.StorageRemoteLayers asks for.
func newRemoteLayers(sys *types.SystemContext, store storage.Store) (remoteLayers, error) {
	if sys == nil || sys.StorageRemoteLayers == nil {
		return remoteLayers{known: map[int]bool{}}, nil
	}
	pull, err := store.NewRemoteLayerPull(*sys.StorageRemoteLayers)
	if err != nil {
		return remoteLayers{}, fmt.Errorf("preparing to use remote layers: %w", err)
	}
	return remoteLayers{pull: pull, found: map[int]remoteLayer{}}, nil
}

// close ends what asks repositories.
func (r *remoteLayers) close() {
	if r.pull != nil {
		r.pull.Close()
	}
}

// noteDiffIDs takes what the config of the image that is about to be copied says of its layers: those whose contents
// nobody reads are told apart by it.
func (r *remoteLayers) noteDiffIDs(diffIDs []digest.Digest) {
	if r.pull != nil {
		r.pull.NoteDiffIDs(diffIDs, nil)
	}
}

// tryRemoteLayer is TryReusingBlobWithOptions for layers that a repository has. The look-up may have to wait for a
// file system that hangs: it must be called without holding s.lock.
func (s *storageImageDestination) tryRemoteLayer(ctx context.Context, blobinfo types.BlobInfo, options *private.TryReusingBlobOptions) (bool, private.ReusedBlob, error) {
	if s.remote.pull == nil {
		return s.tryCopiedLayer(blobinfo, options)
	}
	if options.LayerIndex == nil {
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
	if err != nil || answer == nil || s.staysLocal(*options.LayerIndex) {
		return false, private.ReusedBlob{}, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.remote.found[*options.LayerIndex] = remoteLayer{answer, blobinfo.Size}
	return true, private.ReusedBlob{
		Digest: blobinfo.Digest,
		Size:   blobinfo.Size,
		Origin: answer.Repository,
	}, nil
}

// staysLocal says whether the store has the image's layer with this index as an ordinary one, on ordinary ones or among
// those of the whole image. It is then used: those contents have been verified.
func (s *storageImageDestination) staysLocal(index int) bool {
	if s.remote.stored != nil {
		return s.remote.stored[index].Kind != storage.LayerKindRemoteReadonly
	}
	id := ""
	for _, diffID := range s.untrustedDiffIDValues[:index+1] {
		id = layerID(id, trustedLayerIdentityData{diffID: diffID})
	}
	layer, err := s.imageRef.transport.store.Layer(id)
	return err == nil && layer.Kind != storage.LayerKindRemoteReadonly // as earlier versions recorded remote layers
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

// queueRemoteLayer takes the layer with this index as a remote one if this pull has found it in a repository, and says
// whether it did. A remote layer with that ID is recorded anew: its repository may have moved.
func (s *storageImageDestination) queueRemoteLayer(index int, id, parent string, d digest.Digest) (bool, error) {
	s.lock.Lock()
	found, ok := s.remote.found[index]
	s.lock.Unlock()
	if !ok {
		return false, nil
	}
	if n := len(s.remote.pending.layers); n > 0 && s.remote.pending.layers[n-1].ID != parent {
		if err := s.putRemoteLayers(); err != nil { // a layer of the store is in between
			return false, err
		}
	}
	if len(s.remote.pending.layers) == 0 {
		s.remote.pending.parent = parent
	}
	s.remote.pending.layers = append(s.remote.pending.layers, storage.RemoteLayer{ID: id, Found: found.Answer, Digest: d, Size: found.size})
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

// reusableLayers drops the layers that can't stand for an uncompressed blob from what a look-up in the store has given:
// for a pull the remote ones. Those that it may use it has found in a repository again, and does not look for in the
// store. Other copies, such as commits, use the base image's layers, which knownRemoteLayer tells from others.
func (s *storageImageDestination) reusableLayers(layers []storage.Layer, err error) ([]storage.Layer, error) {
	if s.remote.pull == nil {
		return layers, err
	}
	return s.contentLayers(layers, err)
}

// mayReuseLayer says whether a layer of the store may be used because its ID is right. A pull decides anew about
// every remote layer.
func (s *storageImageDestination) mayReuseLayer(layer *storage.Layer) bool {
	return s.remote.pull == nil || layer.Kind != storage.LayerKindRemoteReadonly
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
