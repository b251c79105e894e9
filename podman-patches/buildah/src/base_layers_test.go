package buildah

import (
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/storage"
)

// A commit names the layers of its base, whatever is known of their contents, if the image is to stand on them.
func TestCommitNamesBaseLayers(t *testing.T) {
	wd := t.TempDir()
	store, err := storage.GetStore(storage.StoreOptions{
		RunRoot: filepath.Join(wd, "run"), GraphRoot: filepath.Join(wd, "root"), GraphDriverName: "overlay",
		GraphDriverOptions: []string{"overlay.skip_mount_home=true"},
	})
	require.NoError(t, err)
	t.Cleanup(store.Free)
	layers := []storage.RemoteLayer{}
	for _, name := range []string{"base", "top"} {
		blob := digest.FromString(name)
		dir, err := cvmfs.LayerDir(blob)
		require.NoError(t, err)
		layers = append(layers, storage.RemoteLayer{ID: blob.Encoded(), Digest: blob, Size: 100, Found: &pull.Answer{
			DiffID: digest.FromString(name + " uncompressed"),
			Layer:  cvmfs.Layer{Path: "/cvmfs/unpacked.example.org/" + dir + "/layerfs", DiffSize: 1000},
		}})
	}
	_, err = store.PutRemoteLayers("", layers)
	require.NoError(t, err)
	own, err := store.CreateLayer("", layers[1].ID, nil, "", true, nil)
	require.NoError(t, err)
	named := []string{layers[0].ID, layers[1].ID}

	for name, c := range map[string]struct {
		ref  containerImageRef
		want []string
	}{
		"on the base":       {containerImageRef{}, named},
		"squashed":          {containerImageRef{squash: true}, nil},
		"an encrypted disk": {containerImageRef{confidentialWorkload: ConfidentialWorkloadOptions{Convert: true}}, nil},
	} {
		source := &containerImageSource{ref: &c.ref, store: store, layerID: own.ID}
		assert.Equal(t, c.want, source.BaseLayers(store), name)
	}
}
