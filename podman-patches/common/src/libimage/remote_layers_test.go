//go:build linux && !remote
// +build linux,!remote

package libimage

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	remoteConfig "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/common/pkg/config"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// remoteLayersTest is a registry with one image of one layer, and a repository that has the layer.
type remoteLayersTest struct {
	*Runtime
	name       string // of the image
	layer      digest.Digest
	downloads  atomic.Int32 // of the layer
	dir        string       // the image for the dir transport
	repository string
}

func newRemoteLayersTest(t *testing.T, options ...string) *remoteLayersTest {
	r := &remoteLayersTest{dir: t.TempDir(), repository: t.TempDir()}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer) // with an entry: nobody asks a repository for an empty layer
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "file", Typeflag: tar.TypeReg, Mode: 0o644}))
	require.NoError(t, w.Close())
	r.layer = digest.FromBytes(layer.Bytes())
	marshal := func(value any) ([]byte, v1.Descriptor) {
		data, err := json.Marshal(value)
		require.NoError(t, err)
		return data, v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(data), Size: int64(len(data))}
	}
	imageConfig, configDescriptor := marshal(v1.Image{
		Platform: v1.Platform{Architecture: "amd64", OS: "linux"},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{r.layer}},
	})
	manifest, _ := marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: configDescriptor,
		Layers: []v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: r.layer, Size: int64(layer.Len())}},
	})
	for name, data := range map[string][]byte{
		"manifest.json": manifest, "version": []byte("Directory Transport Version: 1.1\n"),
		configDescriptor.Digest.Encoded(): imageConfig, r.layer.Encoded(): layer.Bytes(),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, name), data, 0o644))
	}
	hex := r.layer.Encoded()
	require.NoError(t, os.MkdirAll(filepath.Join(r.repository, ".layers", hex[:2], hex, "layerfs"), 0o755))

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch _, file, blob := strings.Cut(request.URL.Path, "/blobs/sha256:"); {
		case strings.Contains(request.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
			_, _ = w.Write(manifest)
		case strings.HasSuffix(request.URL.Path, "/tags/list"):
			fmt.Fprint(w, `{"name":"image","tags":["1","2"]}`)
		case blob:
			if file == hex {
				r.downloads.Add(1)
			}
			http.ServeFile(w, request, filepath.Join(r.dir, file))
		}
	}))
	t.Cleanup(server.Close)
	r.name = strings.TrimPrefix(server.URL, "http://") + "/image"

	t.Setenv("CONTAINERS_CVMFS_CONF", os.DevNull)
	workdir := t.TempDir()
	runtime, err := RuntimeFromStoreOptions(&RuntimeOptions{SystemContext: &types.SystemContext{
		SystemRegistriesConfPath: "testdata/registries.conf", SystemRegistriesConfDirPath: os.DevNull, BlobInfoCacheDir: workdir,
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
	}}, &storage.StoreOptions{
		RunRoot: filepath.Join(workdir, "run"), GraphRoot: filepath.Join(workdir, "root"), GraphDriverName: "overlay",
		GraphDriverOptions: append(options, "overlay.skip_mount_home=true", "overlay.cvmfs_repositories="+r.repository),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = runtime.Shutdown(true) })
	r.Runtime = runtime
	return r
}

// pull pulls name, and returns the kind of its layer.
func (r *remoteLayersTest) pull(t *testing.T, name string, options *PullOptions) (string, error) {
	images, err := r.Pull(context.Background(), name, config.PullPolicyAlways, options)
	if err != nil {
		return "", err
	}
	layer, err := r.store.Layer(images[0].TopLayer())
	require.NoError(t, err)
	require.Empty(t, layer.Parent)
	return layer.Kind, nil
}

func TestPullRemoteLayers(t *testing.T) {
	const remote = storage.LayerKindRemoteReadonly
	r := newRemoteLayersTest(t)
	for _, c := range []struct {
		name, mode string
		kind       string
		downloads  int32 // so far
	}{
		{r.name, "auto", remote, 0},
		{r.name, "only", remote, 0},
		{r.name, "off", "", 1}, // replaces it
		{r.name, "", "", 1},
	} {
		kind, err := r.pull(t, c.name, &PullOptions{RemoteLayers: c.mode})
		require.NoError(t, err)
		assert.Equal(t, c.kind, kind, "mode %q", c.mode)
		assert.Equal(t, c.downloads, r.downloads.Load(), "mode %q", c.mode)
	}
}

func TestPullRemoteLayersAllTags(t *testing.T) {
	r := newRemoteLayersTest(t)
	kind, err := r.pull(t, "docker://"+r.name, &PullOptions{RemoteLayers: "only", AllTags: true})
	require.NoError(t, err)
	assert.Equal(t, storage.LayerKindRemoteReadonly, kind)
	assert.Zero(t, r.downloads.Load())
}

func TestPullRemoteLayersRefuses(t *testing.T) {
	r := newRemoteLayersTest(t)
	_, err := r.pull(t, r.name, &PullOptions{RemoteLayers: "sometimes"})
	assert.ErrorContains(t, err, "auto, only or off")
	_, err = r.pull(t, "dir:"+r.dir, &PullOptions{RemoteLayers: "only"})
	assert.ErrorContains(t, err, "dir transport")
	assert.Zero(t, r.downloads.Load())
}

// Contents that come from elsewhere are not those of a repository, and take their place.
func TestLoadOverRemoteLayers(t *testing.T) {
	r := newRemoteLayersTest(t)
	kind, err := r.pull(t, r.name, &PullOptions{RemoteLayers: "auto"})
	require.NoError(t, err)
	require.Equal(t, storage.LayerKindRemoteReadonly, kind)
	kind, err = r.pull(t, "dir:"+r.dir, &PullOptions{})
	require.NoError(t, err)
	assert.Empty(t, kind)
	// The store has two images of this manifest now.
	images, err := r.Pull(context.Background(), r.name, config.PullPolicyAlways, nil)
	require.NoError(t, err)
	require.Len(t, images, 1)
	assert.Contains(t, images[0].Names(), r.name+":latest")
}

// Where a layer is, is told from the records: nobody looks there.
func TestStoredLayers(t *testing.T) {
	r := newRemoteLayersTest(t)
	storedLayers := func(mode string) []StoredLayer {
		_, err := r.pull(t, r.name, &PullOptions{RemoteLayers: mode})
		require.NoError(t, err)
		image, _, err := r.LookupImage(r.name, nil)
		require.NoError(t, err)
		data, err := image.Inspect(context.Background(), &InspectOptions{WithSize: true})
		require.NoError(t, err)
		return data.StoredLayers
	}
	hex := r.layer.Encoded()
	assert.Equal(t, []StoredLayer{{
		DiffID: r.layer, Digest: r.layer, Kind: storage.LayerKindRemoteReadonly,
		Path: filepath.Join(r.repository, ".layers", hex[:2], hex, "layerfs"),
	}}, storedLayers("auto"))
	assert.Empty(t, storedLayers("off"))
}

// Remote layers are part of an image's size, and of no space that it takes.
func TestRemoteSize(t *testing.T) {
	ctx := context.Background()
	var r *remoteLayersTest
	usage := func(mode string) (imageSize int64, usage ImageDiskUsage) {
		r = newRemoteLayersTest(t)
		_, err := r.pull(t, r.name, &PullOptions{RemoteLayers: mode})
		require.NoError(t, err)
		image, _, err := r.LookupImage(r.name, nil)
		require.NoError(t, err)
		imageSize, err = image.Size()
		require.NoError(t, err)
		usages, total, err := r.DiskUsage(ctx)
		require.NoError(t, err)
		require.Len(t, usages, 1)
		assert.Equal(t, total, usages[0].Size)
		assert.Equal(t, total, usages[0].UniqueSize)
		return imageSize, usages[0]
	}
	remote, usageRemote := usage("auto")
	local, usageLocal := usage("off")
	assert.Equal(t, local, remote)
	assert.Equal(t, local, usageLocal.Size)
	assert.Zero(t, usageLocal.RemoteSize)
	layers, err := r.store.Layers()
	require.NoError(t, err)
	assert.Equal(t, layers[0].UncompressedSize, usageRemote.RemoteSize)
	assert.Equal(t, local, usageRemote.Size+usageRemote.RemoteSize)
}

// An image that its repository lost is pulled anew, also beneath one that was built on it, if that is how it is configured.
func TestMendRemoteLayers(t *testing.T) {
	ctx := context.Background()
	lost := fmt.Errorf("opening: %w", cvmfs.ErrLayerUnknown)
	for _, mode := range []string{"auto", "only", "off", "never"} {
		for _, built := range []bool{false, true} {
			ctx, configured := ctx, mode
			if mode == "never" {
				ctx, configured = remoteConfig.PullNothing(ctx), "auto"
			}
			r := newRemoteLayersTest(t, "overlay.cvmfs_pull="+configured)
			_, err := r.pull(t, r.name, &PullOptions{RemoteLayers: "auto"})
			require.NoError(t, err)
			image, _, err := r.LookupImage(r.name, nil)
			require.NoError(t, err)
			top, names := image.TopLayer(), image.Names()
			id := image.ID()
			if built {
				layer, err := r.store.CreateLayer("", top, nil, "", false, nil)
				require.NoError(t, err)
				own, err := r.store.CreateImage("", []string{"localhost/own:1"}, layer.ID, "", nil)
				require.NoError(t, err)
				id = own.ID
			}
			hex := r.layer.Encoded()
			require.NoError(t, os.Rename(filepath.Join(r.repository, ".layers", hex[:2], hex), filepath.Join(r.repository, "gone")))
			mended := func() error {
				if layer, err := r.store.Layer(top); err != nil || layer.Kind == storage.LayerKindRemoteReadonly {
					return lost
				}
				return nil
			}
			err = r.MendRemoteLayers(ctx, id, lost, mended)
			if mode == "auto" {
				require.NoError(t, err)
				assert.Equal(t, int32(1), r.downloads.Load())
				image, _, err = r.LookupImage(r.name, nil)
				require.NoError(t, err)
				assert.Equal(t, names, image.Names())
			} else {
				assert.ErrorIs(t, err, cvmfs.ErrLayerUnknown)
				source, sourceErr := image.remoteSource()
				require.NoError(t, sourceErr)
				require.Len(t, source.refs, 1)
				assert.Contains(t, source.refs[0], "@sha256:")
				assert.ErrorContains(t, err, "`podman pull --cvmfs "+source.refs[0]+"`")
				assert.Zero(t, r.downloads.Load())
			}
		}
	}
}

// What no pull can mend is left alone.
func TestMendRemoteLayersRefuses(t *testing.T) {
	ctx := context.Background()
	r := newRemoteLayersTest(t, "overlay.cvmfs_pull=auto")
	_, err := r.pull(t, r.name, &PullOptions{})
	require.NoError(t, err)
	downloads := r.downloads.Load()
	image, _, err := r.LookupImage(r.name, nil)
	require.NoError(t, err)
	never := func() error {
		t.Error("tried again")
		return nil
	}
	assert.Equal(t, cvmfs.ErrUnavailable, r.MendRemoteLayers(ctx, image.ID(), cvmfs.ErrUnavailable, never))
	own, err := r.store.CreateImage("", []string{"localhost/own:1"}, "", "", nil)
	require.NoError(t, err)
	err = r.MendRemoteLayers(ctx, own.ID, cvmfs.ErrMismatch, never)
	assert.ErrorIs(t, err, cvmfs.ErrMismatch)
	assert.ErrorContains(t, err, "nothing tells")
	assert.Equal(t, downloads, r.downloads.Load())
}
