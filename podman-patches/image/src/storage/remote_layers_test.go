//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/image/v5/internal/private"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

const remote = storage.LayerKindRemoteReadonly

var (
	auto, only, off = "auto", "only", "off"
	configured      = ""
)

func requireEmpty(t *testing.T, store storage.Store) {
	t.Helper()
	layers, err := store.Layers()
	require.NoError(t, err)
	assert.Empty(t, layers)
	images, err := store.Images()
	require.NoError(t, err)
	assert.Empty(t, images)
}

func TestPullRemoteLayers(t *testing.T) {
	image := newRemoteImage(t, 3)
	plain := image.remoteStore(t)
	_, err := image.pull(t, plain, &off)
	require.NoError(t, err)
	require.Equal(t, []string{"", "", ""}, image.kinds(t, plain))
	want, err := plain.Image("localhost/test:latest")
	require.NoError(t, err)

	image.publish(t, 0, 1, 2)
	image.lose(t, 0, 1, 2)
	for _, mode := range []*string{&auto, &only} {
		store := image.remoteStore(t)
		output, err := image.pull(t, store, mode)
		require.NoError(t, err)
		assert.Equal(t, []string{remote, remote, remote}, image.kinds(t, store))
		got, err := store.Image("localhost/test:latest")
		require.NoError(t, err)
		// Nobody has compared the contents with the diffIDs.
		assert.NotEqual(t, want.ID, got.ID)
		assert.NotEqual(t, want.TopLayer, got.TopLayer)
		layer, err := store.Layer(got.TopLayer)
		require.NoError(t, err)
		assert.Equal(t, image.layerDir(2)+"/layerfs", layer.RemotePath)
		assert.Equal(t, image.layers[2], layer.RemoteDigest)
		for _, d := range image.layers {
			assert.Contains(t, output, "Skipped blob "+d.String()+": in "+image.repository+"\n")
		}
		output, err = image.pull(t, plain, mode)
		require.NoError(t, err)
		assert.Equal(t, []string{"", "", ""}, image.kinds(t, plain))
		assert.NotContains(t, output, image.repository, "what is local stays so")

		// Once more, over what is there.
		_, err = image.pull(t, store, mode)
		require.NoError(t, err)
		assert.Equal(t, []string{remote, remote, remote}, image.kinds(t, store))
	}
}

// A pull that fails leaves no remote layer behind, but beneath what it has downloaded, which stays for the next try.
func TestPullRemoteLayersFails(t *testing.T) {
	for name, c := range map[string]struct {
		mode      *string
		published []int
		names     int // the layer that the error names
		left      int // layers
	}{
		"only and the last is not published": {&only, []int{0, 1}, 2, 0},
		"only and the first is published":    {&only, []int{0}, 1, 0},
		"the registry lacks the last":        {&auto, []int{0, 1}, 2, 0},
		"a local layer in between":           {&auto, []int{0}, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			image := newRemoteImage(t, 3)
			image.publish(t, c.published...)
			image.lose(t, 2)
			store := image.remoteStore(t)
			_, err := image.pull(t, store, c.mode)
			assert.ErrorContains(t, err, image.layers[c.names].Encoded())
			layers, err := store.Layers()
			require.NoError(t, err)
			assert.Len(t, layers, c.left)
		})
	}
	t.Run("only and repository out", func(t *testing.T) {
		image := newRemoteImage(t, 1)
		store := image.remoteStore(t)
		require.NoError(t, os.RemoveAll(image.repository))
		_, err := image.pull(t, store, &only)
		assert.ErrorContains(t, err, image.repository)
		requireEmpty(t, store)
	})
	t.Run("another image uses a layer by now", func(t *testing.T) {
		image := newRemoteImage(t, 3)
		image.publish(t, 0, 1)
		store := image.remoteStore(t)
		_, err := image.pull(t, store, &auto)
		require.NoError(t, err)
		kinds := image.kinds(t, store)
		_, err = image.pull(t, store, &only)
		require.Error(t, err)
		assert.Equal(t, kinds, image.kinds(t, store))
	})
}

func TestPullRemoteLayersMode(t *testing.T) {
	image := newRemoteImage(t, 1)
	store := image.remoteStore(t)
	mode := "sometimes"
	_, err := image.pull(t, store, &mode)
	assert.ErrorContains(t, err, "auto, only or off")
	requireEmpty(t, store)
}

// A layer that was never asked for, since it is decrypted on the way, is no way around mode only.
func TestPutBlobOnly(t *testing.T) {
	image := newRemoteImage(t, 1)
	ref, err := Transport.ParseStoreReference(image.remoteStore(t), "test")
	require.NoError(t, err)
	dest, err := newImageDestination(&types.SystemContext{StorageRemoteLayers: &only}, *ref)
	require.NoError(t, err)
	defer dest.Close()
	index := 0
	_, err = dest.PutBlobWithOptions(context.Background(), bytes.NewReader([]byte("contents")), types.BlobInfo{Size: -1},
		private.PutBlobOptions{Cache: none.NoCache, LayerIndex: &index})
	assert.ErrorContains(t, err, `"only"`)
	_, err = dest.PutBlobWithOptions(context.Background(), bytes.NewReader([]byte("{}")), types.BlobInfo{Size: -1},
		private.PutBlobOptions{Cache: none.NoCache, IsConfig: true})
	assert.NoError(t, err)
}
