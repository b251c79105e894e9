//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// imageIn is the image in store, by the one name that pulls give it.
func imageIn(t *testing.T, store storage.Store) *storage.Image {
	t.Helper()
	image, err := store.Image("localhost/test:latest")
	require.NoError(t, err)
	return image
}

// What a pull may take from a repository it has mended for good, whatever the repository has later.
func TestPullMendsOnce(t *testing.T) {
	image := newRemoteImage(t, 3)
	image.publish(t, 0, 1, 2)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &auto)
	require.NoError(t, err)
	before := imageIn(t, store)
	image.unpublish(t, 1)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	assert.Equal(t, []string{remote, "", remote}, image.kinds(t, store))
	image.lose(t, 1)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	assert.Equal(t, []string{remote, "", remote}, image.kinds(t, store))
	image.publish(t, 1)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	assert.Equal(t, []string{remote, "", remote}, image.kinds(t, store))
	assert.Equal(t, before.ID, imageIn(t, store).ID)
	layers, err := store.Layers()
	require.NoError(t, err)
	assert.Len(t, layers, 3)
}

// The image with remote layers is what becomes local, where the store has the other one, too, and with its contents: one
// that a version without remote layers has pulled, for whose pulls none of this is.
func TestPullMendsBesideLocal(t *testing.T) {
	for _, mode := range []*string{&auto, &off} {
		image := newRemoteImage(t, 3)
		image.publish(t, 0, 1, 2)
		store := image.remoteStore(t)
		_, err := image.pull(t, store, &auto)
		require.NoError(t, err)
		before := imageIn(t, store)
		parent := ""
		for i, diffID := range image.diffIDs {
			id := layerID(parent, trustedLayerIdentityData{diffID: diffID})
			blob, err := os.Open(filepath.Join(image.dir, image.layers[i].Encoded()))
			require.NoError(t, err)
			defer blob.Close()
			_, _, err = store.PutLayer(id, parent, nil, "", false, nil, blob)
			require.NoError(t, err)
			parent = id
		}
		image.unpublish(t, 1)
		image.lose(t, 0, 1, 2)
		_, err = image.pull(t, store, mode)
		require.NoError(t, err)
		assert.Equal(t, before.ID, imageIn(t, store).ID)
		want := []string{remote, "", remote}
		if mode == &off {
			want = []string{"", "", ""}
		}
		assert.Equal(t, want, image.kinds(t, store))
	}
}

// An image that shares layers with one from a repository is pulled apart from it.
func TestPullOffBesideRemote(t *testing.T) {
	image := newRemoteImage(t, 3)
	image.publish(t, 0, 1)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &auto)
	require.NoError(t, err)
	top, err := store.Layer(imageIn(t, store).TopLayer)
	require.NoError(t, err)
	_, err = store.CreateImage("", nil, top.Parent, "", nil) // keeps the lower ones
	require.NoError(t, err)
	_, err = store.DeleteImage(imageIn(t, store).ID, true)
	require.NoError(t, err)
	_, err = image.pull(t, store, &off)
	require.NoError(t, err)
	assert.Equal(t, []string{"", "", ""}, image.kinds(t, store))
}

// A layer that was downloaded, among remote ones, stays where it is when a repository has it later.
func TestPullKeepsMixedImage(t *testing.T) {
	image := newRemoteImage(t, 3)
	image.publish(t, 0, 2)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &auto)
	require.NoError(t, err)
	before := imageIn(t, store)
	image.publish(t, 1)
	image.unpublish(t, 2)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	assert.Equal(t, before.ID, imageIn(t, store).ID)
	assert.Equal(t, []string{remote, "", ""}, image.kinds(t, store))
}

// A failed attempt leaves the image as it was.
func TestPullMendsOrFails(t *testing.T) {
	image := newRemoteImage(t, 3)
	image.publish(t, 0, 1, 2)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &auto)
	require.NoError(t, err)
	before := imageIn(t, store)
	image.unpublish(t, 1, 2)
	image.lose(t, 2)
	_, err = image.pull(t, store, &auto)
	require.ErrorContains(t, err, image.layers[2].Encoded())
	assert.Equal(t, before.ID, imageIn(t, store).ID)
	assert.Equal(t, []string{remote, "", remote}, image.kinds(t, store), "what was downloaded is kept")
}

// All of a layer that replaces another is read: nothing else can be held against its diffID.
func TestMendDownloadsWhole(t *testing.T) {
	image := newRemoteImage(t, 2)
	image.publish(t, 0)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &auto)
	require.NoError(t, err)
	ref, err := Transport.ParseStoreReference(store, "test")
	require.NoError(t, err)
	for _, mode := range []*string{&auto, &off, nil} {
		dest, err := newImageDestination(&types.SystemContext{StorageRemoteLayers: mode}, *ref)
		require.NoError(t, err)
		defer dest.Close()
		dest.NoteOriginalLayers([]types.BlobInfo{{Digest: image.layers[0]}, {Digest: image.layers[1]}})
		config := &imgspecv1.Image{RootFS: imgspecv1.RootFS{Type: "layers", DiffIDs: image.diffIDs}}
		require.NoError(t, dest.NoteOriginalOCIConfig(config, nil))
		if mode != nil {
			assert.ErrorIs(t, dest.mayDownloadPart(0), errReplacesRemote)
		} else {
			assert.NoError(t, dest.mayDownloadPart(0))
		}
		assert.NoError(t, dest.mayDownloadPart(1), "what is local is not replaced")
		assert.NoError(t, dest.mayDownloadPart(2), "a layer that the config does not name")
	}
}

// Remote layers that earlier versions recorded with the IDs of verified contents are not taken for such contents.
func TestPullBesideEarlierRecords(t *testing.T) {
	for _, mode := range []*string{&auto, &off} {
		image := newRemoteImage(t, 2)
		image.publish(t, 0, 1)
		store := image.remoteStore(t)
		finder, err := store.NewRemoteLayerPull(only)
		require.NoError(t, err)
		defer finder.Close()
		finder.NoteDiffIDs(image.diffIDs, nil)
		earlier := ""
		for i, diffID := range image.diffIDs {
			found, err := finder.Layer(context.Background(), pull.Question{Index: i, Digest: image.layers[i]})
			require.NoError(t, err)
			id := layerID(earlier, trustedLayerIdentityData{diffID: diffID})
			_, err = store.PutRemoteLayers(earlier, []storage.RemoteLayer{{ID: id, Found: found, Digest: image.layers[i]}})
			require.NoError(t, err)
			earlier = id
		}
		_, err = image.pull(t, store, mode)
		require.NoError(t, err)
		if mode == &off {
			assert.Equal(t, []string{"", ""}, image.kinds(t, store))
			assert.Equal(t, earlier, imageIn(t, store).TopLayer, "these contents have been verified")
		} else {
			assert.Equal(t, []string{remote, remote}, image.kinds(t, store))
			assert.NotEqual(t, earlier, imageIn(t, store).TopLayer)
		}
	}
}
