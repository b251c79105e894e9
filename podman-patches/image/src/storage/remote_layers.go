//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import (
	"context"
	"errors"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// remoteLayers is what a destination knows of layers that read-only
// repositories have. The zero value is that of a copy that said nothing about
// them: it is given none, but those that its source names by their IDs.
type remoteLayers struct {
	pull   *pull.Pull            // Decides where each layer comes from; nil if this copy may not use repositories
	blobs  []digest.Digest       // By index, the layers in the source's manifest; nil if not known
	found  map[int]remoteLayer   // By index, the layers that a repository has; accessed with the destination's lock
	known  map[int]digest.Digest // By index, the blobs of those that have a remote layer's ID in the store; likewise
	stored []*storage.Layer      // For a pull, the image's layers if the store has the image, with such an ID; else nil
	base   []*storage.Layer      // For another copy, the store's layers that the source names, base first

	// Accessed by the one goroutine that commits layers, and by Close.
	pending remoteRun   // Layers that the store is told of together
	put     []remoteRun // Those that it was told of, base first
	created []string    // IDs of the layers that are to be deleted, top last, if the image is not committed
}

// remoteLayer is a layer that a repository has.
type remoteLayer struct {
	*pull.Answer
	blob digest.Digest // in the manifest
	size int64         // likewise
}

// remoteRun is a run of remote layers, base first.
type remoteRun struct {
	parent string
	layers []storage.RemoteLayer
}

// newRemoteLayers prepares a copy to store as sys.StorageRemoteLayers asks for.
func newRemoteLayers(sys *types.SystemContext, store storage.Store) (remoteLayers, error) {
	if sys == nil || sys.StorageRemoteLayers == nil {
		return remoteLayers{known: map[int]digest.Digest{}}, nil
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
		return s.tryBaseLayer(blobinfo, options)
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
	})
	if err != nil || answer == nil || s.staysLocal(*options.LayerIndex) {
		return false, private.ReusedBlob{}, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.remote.found[*options.LayerIndex] = remoteLayer{answer, blobinfo.Digest, blobinfo.Size}
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
	s.remote.put = append(s.remote.put, run)
	created, err := s.imageRef.transport.store.PutRemoteLayers(run.parent, run.layers)
	s.remote.created = append(s.remote.created, created...)
	if err != nil {
		return fmt.Errorf("recording remote layers, from %s on: %w", run.layers[0].Digest, err)
	}
	return nil
}

// createImage creates the image on its top layer. Another pull may have created remote layers that this one has found, and
// have deleted them when it failed: they are recorded again.
func (s *storageImageDestination) createImage(id, topLayer string, options *storage.ImageOptions) (*storage.Image, error) {
	store := s.imageRef.transport.store
	image, err := store.CreateImage(id, nil, topLayer, "", options)
	if !errors.Is(err, storage.ErrLayerUnknown) {
		return image, err
	}
	for _, run := range s.remote.put {
		created, err := store.PutRemoteLayers(run.parent, run.layers)
		s.remote.created = append(s.remote.created, created...)
		if err != nil {
			return nil, fmt.Errorf("recording remote layers again, from %s on: %w", run.layers[0].Digest, err)
		}
	}
	return store.CreateImage(id, nil, topLayer, "", options)
}

// mayReuseLayer says whether a layer of the store may be used because its ID is right. A pull decides again about each
// remote layer; other copies use those that the source has named.
func (s *storageImageDestination) mayReuseLayer(index int, layer *storage.Layer) bool {
	return layer.Kind != storage.LayerKindRemoteReadonly || index < len(s.remote.base) && s.remote.base[index].ID == layer.ID
}

// mayDownload is an error if the pull must not download a blob. Some layers are never asked for: those that are
// decrypted on the way, or converted.
func (s *storageImageDestination) mayDownload(blobinfo types.BlobInfo, notLayer bool) error {
	if s.remote.pull == nil || notLayer {
		return nil
	}
	return s.remote.pull.MayDownload(blobinfo.Digest)
}

// discardUncommitted deletes the remote layers that a pull has created and that has failed: such a layer costs nothing to
// make again, and would be left over from an image that never was. What was downloaded stays for the next try, with what is
// beneath it, unless it was to be nothing: the store refuses to delete what something else uses.
func (s *storageImageDestination) discardUncommitted() {
	for i := len(s.remote.created) - 1; i >= 0; i-- {
		id := s.remote.created[i]
		if err := s.imageRef.transport.store.DeleteLayer(id); err != nil {
			logrus.Debugf("Not deleting layer %q of a failed pull: %v", id, err)
		}
	}
	s.remote.created = nil
}
