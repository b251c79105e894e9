//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// copyWithin copies the image in store under another name, as a build does of which every step is cached.
func copyWithin(t *testing.T, store storage.Store, name string) error {
	src, err := Transport.ParseStoreReference(store, "localhost/test:latest")
	require.NoError(t, err)
	dest, err := Transport.ParseStoreReference(store, name)
	require.NoError(t, err)
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	require.NoError(t, err)
	defer func() { require.NoError(t, policy.Destroy()) }()
	_, err = copy.Image(context.Background(), policy, dest, src, &copy.Options{
		DestinationCtx: &types.SystemContext{BlobInfoCacheDir: t.TempDir()},
	})
	return err
}

// A copy within the store is the same image, with another name.
func TestCopyRemoteLayersWithinStore(t *testing.T) {
	for _, published := range [][]int{{0, 1, 2}, {0, 2}, {1}} {
		img := newRemoteImage(t, 3)
		img.publish(t, published...)
		store := img.remoteStore(t)
		_, err := img.pull(t, store, &auto)
		require.NoError(t, err)
		layers, err := store.Layers()
		require.NoError(t, err)

		require.NoError(t, copyWithin(t, store, "localhost/other:latest"))
		want, err := store.Image("localhost/test:latest")
		require.NoError(t, err)
		got, err := store.Image("localhost/other:latest")
		require.NoError(t, err)
		assert.Equal(t, want.ID, got.ID)
		after, err := store.Layers()
		require.NoError(t, err)
		assert.Len(t, after, len(layers))
	}
}

// reverse puts the same layers into the image the other way round.
func (i *remoteImage) reverse(t *testing.T) {
	var m imgspecv1.Manifest
	data, err := os.ReadFile(filepath.Join(i.dir, "manifest.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &m))
	slices.Reverse(m.Layers)
	slices.Reverse(i.layers)
	slices.Reverse(i.diffIDs)
	data, err = json.Marshal(imgspecv1.Image{
		Platform: imgspecv1.Platform{Architecture: "amd64", OS: "linux"},
		RootFS:   imgspecv1.RootFS{Type: "layers", DiffIDs: i.diffIDs},
	})
	require.NoError(t, err)
	m.Config = i.writeBlob(t, imgspecv1.MediaTypeImageConfig, data)
	data, err = json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(i.dir, "manifest.json"), data, 0o644))
}

// The name of a blob that a remote layer comes from means that layer nowhere but in its place: its diffID is a claim.
func TestCopyRemoteLayersElsewhere(t *testing.T) {
	img := newRemoteImage(t, 2)
	img.publish(t, 0, 1)
	store := img.remoteStore(t)
	_, err := img.pull(t, store, &only)
	require.NoError(t, err)
	img.reverse(t)
	img.lose(t, 0)
	_, err = img.pull(t, store, nil)
	assert.ErrorIs(t, err, os.ErrNotExist, "of what the blob is read from")
}
