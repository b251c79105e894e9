//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"os"
	"testing"

	digest "github.com/opencontainers/go-digest"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPullReplacesRemoteLayers(t *testing.T) {
	for name, c := range map[string]struct {
		mode *string
		then func(image *remoteImage) // between the pulls
		want []string
	}{
		"off":                 {&off, func(*remoteImage) {}, []string{"", "", ""}},
		"configured off":      {&configured, func(*remoteImage) {}, []string{"", "", ""}},
		"no longer published": {&auto, func(i *remoteImage) { _ = os.RemoveAll(i.layerDir(1)) }, []string{remote, "", remote}},
		"repository is out":   {&auto, func(i *remoteImage) { _ = os.RemoveAll(i.repository) }, []string{"", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			image := newRemoteImage(t, 3)
			image.publish(t, 0, 1, 2)
			store := image.remoteStore(t)
			_, err := image.pull(t, store, &auto)
			require.NoError(t, err)
			before, err := store.Image("localhost/test:latest")
			require.NoError(t, err)
			c.then(image)
			_, err = image.pull(t, store, c.mode)
			require.NoError(t, err)
			assert.Equal(t, c.want, image.kinds(t, store))
			after, err := store.Image("localhost/test:latest")
			require.NoError(t, err)
			assert.Equal(t, before.ID, after.ID, "containers stand on it")
			assert.Equal(t, before.TopLayer, after.TopLayer)
			// What is local is complete: it can be read without repository and registry.
			if c.want[0] == "" {
				image.lose(t, 0, 1, 2)
				layer, err := store.Diff("", after.TopLayer, nil)
				require.NoError(t, err)
				require.NoError(t, layer.Close())
			}
		})
	}
}

// With mode off and without a mode the store's remote layers do not stand for blobs, under any name.
func TestPullOffNeedsContents(t *testing.T) {
	image := newRemoteImage(t, 2)
	image.publish(t, 0, 1)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &auto)
	require.NoError(t, err)
	image.lose(t, 0, 1)
	_, err = image.pull(t, store, &off)
	require.Error(t, err)
	assert.Equal(t, []string{remote, remote}, image.kinds(t, store), "a failed pull changes nothing")
	// Nor for a copy that says nothing about them.
	_, err = image.pull(t, store, nil)
	require.Error(t, err)
	assert.Equal(t, []string{remote, remote}, image.kinds(t, store))
}

// Layers that are there stay local, whatever a repository has.
func TestPullKeepsLocalLayers(t *testing.T) {
	image := newRemoteImage(t, 2)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &off)
	require.NoError(t, err)
	image.publish(t, 0, 1)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	assert.Equal(t, []string{"", ""}, image.kinds(t, store))
}

// Without diffIDs no layer can be told from others unread.
func TestPullUnusableConfig(t *testing.T) {
	image := newRemoteImageWithConfig(t, 2, func(config *imgspecv1.Image) { config.RootFS.DiffIDs = nil })
	image.publish(t, 0, 1)
	store := image.remoteStore(t)
	_, err := image.pull(t, store, &only)
	assert.ErrorContains(t, err, image.layers[0].String())
	requireEmpty(t, store)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	assert.Equal(t, []string{"", ""}, image.kinds(t, store))

	image = newRemoteImageWithConfig(t, 2, func(config *imgspecv1.Image) {
		config.RootFS.DiffIDs[1] = digest.Digest("sha256:../../etc")
	})
	image.publish(t, 0, 1)
	store = image.remoteStore(t)
	_, err = image.pull(t, store, &only)
	require.Error(t, err)
	_, err = image.pull(t, store, &auto)
	if err == nil { // containers/image 5.29 does not compare the diffIDs with the layers that it downloads
		assert.Equal(t, []string{"", ""}, image.kinds(t, store))
		return
	}
	images, err := store.Images()
	require.NoError(t, err)
	assert.Empty(t, images)
}
