//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// remoteImage is an image in a directory, which stands for the registry, beside a repository that has some of its layers.
type remoteImage struct {
	dir        string
	repository string
	layers     []digest.Digest
	diffIDs    []digest.Digest
}

// newRemoteImage makes an image of n layers; layer i holds the file "file<i>".
func newRemoteImage(t *testing.T, n int) *remoteImage {
	return newRemoteImageWithConfig(t, n, func(*imgspecv1.Image) {})
}

func newRemoteImageWithConfig(t *testing.T, n int, change func(config *imgspecv1.Image)) *remoteImage {
	return newRemoteImageOf(t, "file", n, change)
}

// newRemoteImageOf does that with files of other names and contents.
func newRemoteImageOf(t *testing.T, file string, n int, change func(config *imgspecv1.Image)) *remoteImage {
	image := &remoteImage{dir: t.TempDir(), repository: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(image.repository, ".layers"), 0o755))
	manifest := imgspecv1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspecv1.MediaTypeImageManifest}
	for i := 0; i < n; i++ {
		var plain, packed bytes.Buffer
		w := tar.NewWriter(&plain)
		name := fmt.Sprintf("%s%d", file, i)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(name))}))
		_, err := w.Write([]byte(name))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		z := gzip.NewWriter(&packed)
		_, err = z.Write(plain.Bytes())
		require.NoError(t, err)
		require.NoError(t, z.Close())
		descriptor := image.writeBlob(t, imgspecv1.MediaTypeImageLayerGzip, packed.Bytes())
		manifest.Layers = append(manifest.Layers, descriptor)
		image.layers = append(image.layers, descriptor.Digest)
		image.diffIDs = append(image.diffIDs, digest.FromBytes(plain.Bytes()))
	}
	config := imgspecv1.Image{
		Platform: imgspecv1.Platform{Architecture: "amd64", OS: "linux"},
		RootFS:   imgspecv1.RootFS{Type: "layers", DiffIDs: append([]digest.Digest{}, image.diffIDs...)},
	}
	change(&config)
	data, err := json.Marshal(config)
	require.NoError(t, err)
	manifest.Config = image.writeBlob(t, imgspecv1.MediaTypeImageConfig, data)
	data, err = json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(image.dir, "manifest.json"), data, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(image.dir, "version"), []byte("Directory Transport Version: 1.1\n"), 0o644))
	return image
}

func (i *remoteImage) writeBlob(t *testing.T, mediaType string, data []byte) imgspecv1.Descriptor {
	d := digest.FromBytes(data)
	require.NoError(t, os.WriteFile(filepath.Join(i.dir, d.Encoded()), data, 0o644))
	return imgspecv1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func (i *remoteImage) layerDir(layer int) string {
	hex := i.layers[layer].Encoded()
	return filepath.Join(i.repository, ".layers", hex[:2], hex)
}

// publish puts layers into the repository.
func (i *remoteImage) publish(t *testing.T, layers ...int) {
	for _, layer := range layers {
		require.NoError(t, os.MkdirAll(filepath.Join(i.layerDir(layer), "layerfs"), 0o755))
	}
}

// unpublish takes layers from the repository.
func (i *remoteImage) unpublish(t *testing.T, layers ...int) {
	for _, layer := range layers {
		require.NoError(t, os.RemoveAll(i.layerDir(layer)))
	}
}

// lose takes layers from the registry: whoever asks for one fails.
func (i *remoteImage) lose(t *testing.T, layers ...int) {
	for _, layer := range layers {
		require.NoError(t, os.Remove(filepath.Join(i.dir, i.layers[layer].Encoded())))
	}
}

// pull copies the image into store. mode nil is a copy that is not a pull.
func (i *remoteImage) pull(t *testing.T, store storage.Store, mode *string) (output string, err error) {
	src, err := directory.NewReference(i.dir)
	require.NoError(t, err)
	dest, err := Transport.ParseStoreReference(store, "localhost/test:latest")
	require.NoError(t, err)
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	require.NoError(t, err)
	defer func() { require.NoError(t, policy.Destroy()) }()
	var report bytes.Buffer
	_, err = copy.Image(context.Background(), policy, dest, src, &copy.Options{
		ReportWriter:         &report,
		MaxParallelDownloads: 1, // in the order of the layers, so that a failure comes when others are committed
		DestinationCtx:       &types.SystemContext{StorageRemoteLayers: mode, BlobInfoCacheDir: t.TempDir()},
	})
	return report.String(), err
}

// remoteStore makes an empty store that uses the image's repository.
func (i *remoteImage) remoteStore(t *testing.T) storage.Store {
	ensureTestCanCreateImages(t)
	t.Setenv("CONTAINERS_CVMFS_CONF", os.DevNull)
	wd := t.TempDir()
	store, err := storage.GetStore(storage.StoreOptions{
		RunRoot:            filepath.Join(wd, "run"),
		GraphRoot:          filepath.Join(wd, "root"),
		GraphDriverName:    "overlay",
		GraphDriverOptions: []string{"overlay.skip_mount_home=true", "overlay.cvmfs_repositories=" + i.repository},
	})
	require.NoError(t, err)
	t.Cleanup(store.Free)
	return store
}

// kinds gives the kind of each layer of the image in store, base first.
func (i *remoteImage) kinds(t *testing.T, store storage.Store) []string {
	image, err := store.Image("localhost/test:latest")
	require.NoError(t, err)
	var kinds []string
	for id := image.TopLayer; id != ""; {
		layer, err := store.Layer(id)
		require.NoError(t, err)
		diffID, blob := layer.StatedDigests()
		require.Equal(t, i.diffIDs[len(i.diffIDs)-1-len(kinds)], diffID)
		require.Equal(t, layer.Kind == remote, layer.UncompressedDigest == "", "a claim is no digest of contents")
		if layer.Kind == remote {
			require.Equal(t, i.layers[len(i.diffIDs)-1-len(kinds)], blob)
		}
		kinds = append([]string{layer.Kind}, kinds...)
		id = layer.Parent
	}
	return kinds
}

func TestPullMixedLayers(t *testing.T) {
	for _, published := range [][]int{{0}, {1}, {2}, {0, 2}, {1, 2}, {}} {
		image := newRemoteImage(t, 3)
		want := []string{"", "", ""}
		for _, layer := range published {
			want[layer] = storage.LayerKindRemoteReadonly
		}
		image.publish(t, published...)
		image.lose(t, published...)
		store, auto := image.remoteStore(t), "auto"
		_, err := image.pull(t, store, &auto)
		require.NoError(t, err)
		require.Equal(t, want, image.kinds(t, store))
	}
}
