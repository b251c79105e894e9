//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"
)

// newClaimant makes an image with contents of its own whose config claims the diffIDs of others, in the repository of image.
func newClaimant(t *testing.T, image *remoteImage, claims ...digest.Digest) *remoteImage {
	claimant := newRemoteImageOf(t, "claimant", len(claims), func(config *imgspecv1.Image) { config.RootFS.DiffIDs = claims })
	claimant.diffIDs, claimant.repository = claims, image.repository
	for i := range claims {
		claimant.publish(t, i)
	}
	return claimant
}

// stack gives the layers of an image, base first.
func stack(t *testing.T, store storage.Store, image *storage.Image) []storage.Layer {
	t.Helper()
	var layers []storage.Layer
	for id := image.TopLayer; id != ""; {
		layer, err := store.Layer(id)
		require.NoError(t, err)
		layers = append([]storage.Layer{*layer}, layers...)
		id = layer.Parent
	}
	return layers
}

// What an image claims stands for no contents of another one, whoever copies that, and no other copy changes it.
func TestClaimedDiffIDs(t *testing.T) {
	for name, mode := range map[string]*string{"a caller that says nothing": nil, "off": &off, "auto": &auto} {
		t.Run(name, func(t *testing.T) {
			genuine := newRemoteImage(t, 2)
			claimant := newClaimant(t, genuine, genuine.diffIDs...)
			store := genuine.remoteStore(t)
			_, err := claimant.pull(t, store, &auto)
			require.NoError(t, err)
			require.Equal(t, []string{remote, remote}, claimant.kinds(t, store))
			image := imageIn(t, store)
			before := stack(t, store, image)

			want := []string{"", ""}
			if mode == &auto {
				genuine.publish(t, 0, 1)
				want = []string{remote, remote}
			}
			_, err = genuine.pull(t, store, mode)
			require.NoError(t, err)
			assert.Equal(t, want, genuine.kinds(t, store))
			assert.NotEqual(t, image.ID, imageIn(t, store).ID)
			assert.Equal(t, before, stack(t, store, image), "the claimant's layers")

			_, err = claimant.pull(t, store, &auto) // again
			require.NoError(t, err)
			assert.Equal(t, image.ID, imageIn(t, store).ID)
			_, err = claimant.pull(t, store, &off)
			if err == nil { // containers/image 5.29 does not compare the diffIDs with the layers that it downloads
				assert.NotEqual(t, image.ID, imageIn(t, store).ID)
			}
			assert.Equal(t, before, stack(t, store, image), "contents with other diffIDs took their place")
		})
	}
}

// A pull changes the layers of no other image, and gives none a foreign ID.
func TestPullOfBase(t *testing.T) {
	for name, mode := range map[string]*string{"a caller that says nothing": nil, "off": &off} {
		t.Run(name, func(t *testing.T) {
			derived, base := newRemoteImage(t, 3), newRemoteImage(t, 2)
			derived.publish(t, 0, 1, 2)
			store := derived.remoteStore(t)
			_, err := derived.pull(t, store, &auto)
			require.NoError(t, err)
			image := imageIn(t, store)
			before := stack(t, store, image)
			_, err = base.pull(t, store, mode)
			require.NoError(t, err)
			assert.Equal(t, []string{"", ""}, base.kinds(t, store))
			assert.Equal(t, before, stack(t, store, image))
			ordinary, id := "", ""
			for _, diffID := range base.diffIDs {
				ordinary = layerID(ordinary, trustedLayerIdentityData{diffID: diffID})
			}
			assert.Equal(t, ordinary, imageIn(t, store).TopLayer)
			data, err := os.ReadFile(filepath.Join(base.dir, "manifest.json"))
			require.NoError(t, err)
			var manifest imgspecv1.Manifest
			require.NoError(t, json.Unmarshal(data, &manifest))
			id = manifest.Config.Digest.Encoded()
			assert.Equal(t, id, imageIn(t, store).ID)
		})
	}
}

// committed is an image that was made on layers of a store, as buildah hands it over: it names them by diffID, has no blobs
// of them, and knows which layers they are.
type committed struct {
	types.ImageReference
	base []string
}

type committedSource struct {
	types.ImageSource
	base []string
}

func (c committed) NewImageSource(ctx context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	src, err := c.ImageReference.NewImageSource(ctx, sys)
	return committedSource{src, c.base}, err
}

func (c committedSource) BaseLayers(storage.Store) []string { return c.base }

// layerTar is the tar of a layer with one empty file.
func layerTar(t *testing.T, name string) []byte {
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}))
	require.NoError(t, w.Close())
	return tarball.Bytes()
}

// commit copies an image into store that has the layer of top on layers with these diffIDs.
func commit(t *testing.T, store storage.Store, diffIDs []digest.Digest, base []string, top []byte) error {
	image := &remoteImage{dir: t.TempDir(), diffIDs: append(append([]digest.Digest{}, diffIDs...), digest.FromBytes(top))}
	manifest := imgspecv1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspecv1.MediaTypeImageManifest}
	for _, diffID := range diffIDs {
		manifest.Layers = append(manifest.Layers, imgspecv1.Descriptor{MediaType: imgspecv1.MediaTypeImageLayer, Digest: diffID, Size: 1})
	}
	manifest.Layers = append(manifest.Layers, image.writeBlob(t, imgspecv1.MediaTypeImageLayer, top))
	config, err := json.Marshal(imgspecv1.Image{
		Platform: imgspecv1.Platform{Architecture: "amd64", OS: "linux"},
		RootFS:   imgspecv1.RootFS{Type: "layers", DiffIDs: image.diffIDs},
	})
	require.NoError(t, err)
	manifest.Config = image.writeBlob(t, imgspecv1.MediaTypeImageConfig, config)
	data, err := json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(image.dir, "manifest.json"), data, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(image.dir, "version"), []byte("Directory Transport Version: 1.1\n"), 0o644))

	src, err := directory.NewReference(image.dir)
	require.NoError(t, err)
	dest, err := Transport.ParseStoreReference(store, "localhost/committed:latest")
	require.NoError(t, err)
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	require.NoError(t, err)
	defer func() { require.NoError(t, policy.Destroy()) }()
	_, err = copy.Image(context.Background(), policy, dest, committed{src, base}, &copy.Options{
		DestinationCtx: &types.SystemContext{BlobInfoCacheDir: t.TempDir()},
	})
	return err
}

// A commit stands on the very layers that it names, and on remote ones only if it names them.
func TestCommitOnRemoteLayers(t *testing.T) {
	image := newRemoteImage(t, 2)
	image.publish(t, 0, 1)
	top := layerTar(t, "top")
	claimant := newClaimant(t, image, image.diffIDs[0], image.diffIDs[1], digest.FromBytes(top))
	store := image.remoteStore(t)
	_, err := claimant.pull(t, store, &auto)
	require.NoError(t, err)
	foreign := imageIn(t, store).TopLayer

	ids := func() (ids []string) {
		for _, layer := range stack(t, store, imageIn(t, store)) {
			ids = append(ids, layer.ID)
		}
		return ids
	}
	for _, mode := range []*string{&auto, &off, nil} {
		_, err = image.pull(t, store, mode)
		require.NoError(t, err)
		base := ids()
		if mode == &auto { // whoever does not name them is given nothing
			require.Error(t, commit(t, store, image.diffIDs, nil, top))
			_, err := store.Image("localhost/committed:latest")
			require.ErrorIs(t, err, storage.ErrImageUnknown)
		}
		require.NoError(t, commit(t, store, image.diffIDs, base, top))
		made, err := store.Image("localhost/committed:latest")
		require.NoError(t, err)
		layers := stack(t, store, made)
		require.Len(t, layers, 3)
		assert.Equal(t, base, []string{layers[0].ID, layers[1].ID})
		assert.NotEqual(t, foreign, made.TopLayer)
		assert.Empty(t, layers[2].Kind, "its own layer")
		assert.Equal(t, digest.FromBytes(top), layers[2].UncompressedDigest)
	}
}

// A container whose owners are mapped stands on a copy of the image's top layer, which is named in that one's place.
func TestCommitOnMappedLayer(t *testing.T) {
	t.Setenv("_CONTAINERS_OVERLAY_DISABLE_IDMAP", "yes") // as in a user namespace
	for _, layers := range []int{1, 2} {
		image := newRemoteImage(t, layers)
		for i := 0; i < layers; i++ {
			image.publish(t, i)
		}
		store := image.remoteStore(t)
		_, err := image.pull(t, store, &auto)
		require.NoError(t, err)
		mapping := []idtools.IDMap{{ContainerID: 0, HostID: 1000, Size: 1000}}
		container, err := store.CreateContainer("", nil, imageIn(t, store).ID, "", "", &storage.ContainerOptions{
			IDMappingOptions: storage.IDMappingOptions{UIDMap: mapping, GIDMap: mapping},
		})
		require.NoError(t, err)
		layer, err := store.Layer(container.LayerID)
		require.NoError(t, err)
		var base []string
		for id := layer.Parent; id != ""; id = layer.Parent {
			base = append([]string{id}, base...)
			layer, err = store.Layer(id)
			require.NoError(t, err)
		}
		require.Len(t, base, layers)
		require.NotEqual(t, imageIn(t, store).TopLayer, base[layers-1])
		require.NoError(t, commit(t, store, image.diffIDs, base, layerTar(t, "top")))
		made, err := store.Image("localhost/committed:latest")
		require.NoError(t, err)
		assert.Equal(t, imageIn(t, store).TopLayer, stack(t, store, made)[layers-1].ID)
	}
}

// A pull that fails takes nothing from another one that has found the same layers meanwhile.
func TestFailedPullBesideAnother(t *testing.T) {
	image := newRemoteImage(t, 2)
	image.publish(t, 0, 1)
	store := image.remoteStore(t)
	ref, err := Transport.ParseStoreReference(store, "test")
	require.NoError(t, err)
	dest, err := newImageDestination(&types.SystemContext{StorageRemoteLayers: &auto}, *ref)
	require.NoError(t, err)
	_, err = image.pull(t, store, &auto)
	require.NoError(t, err)
	layers := stack(t, store, imageIn(t, store))
	_, err = store.DeleteImage(imageIn(t, store).ID, true) // as if the failed pull had created them
	require.NoError(t, err)
	dest.remote.noteDiffIDs(image.diffIDs)
	run := remoteRun{}
	for i, layer := range layers {
		answer, err := dest.remote.pull.Layer(context.Background(), pull.Question{Index: i, Digest: image.layers[i]})
		require.NoError(t, err)
		run.layers = append(run.layers, storage.RemoteLayer{ID: layer.ID, Found: answer, Digest: image.layers[i], Size: -1})
	}
	dest.remote.put = []remoteRun{run}
	made, err := dest.createImage("", layers[1].ID, nil)
	require.NoError(t, err)
	assert.Equal(t, layers[1].ID, made.TopLayer)
	dest.remote.created = nil
	require.NoError(t, dest.Close())
	assert.True(t, store.Exists(layers[0].ID))
}
