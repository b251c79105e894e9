//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/storage"
)

// Layers of an additional store without remote ones are used on one's own, as ever.
func TestPullOnAdditionalStore(t *testing.T) {
	ensureTestCanCreateImages(t)
	t.Setenv("CONTAINERS_CVMFS_CONF", os.DevNull)
	wd := t.TempDir()
	open := func(name string, options ...string) storage.Store {
		store, err := storage.GetStore(storage.StoreOptions{
			RunRoot: filepath.Join(wd, "run."+name), GraphRoot: filepath.Join(wd, name), GraphDriverName: "overlay",
			GraphDriverOptions: append([]string{"overlay.skip_mount_home=true"}, options...),
		})
		require.NoError(t, err)
		t.Cleanup(store.Free)
		return store
	}
	base, both := newRemoteImage(t, 1), newRemoteImage(t, 2)
	_, err := both.pull(t, open("shared"), &off)
	require.NoError(t, err)
	// Whoever pulls the base has no such store yet.
	_, err = base.pull(t, open("own"), &off)
	require.NoError(t, err)
	for _, name := range []string{"own", "shared"} { // stores and locks that are open stay as they are
		require.NoError(t, os.Rename(filepath.Join(wd, name), filepath.Join(wd, name+".later")))
	}
	own := open("own.later", "overlay.imagestore="+filepath.Join(wd, "shared.later"))
	_, err = both.pull(t, own, &off)
	require.NoError(t, err)
	layers, err := own.Layers()
	require.NoError(t, err)
	var mine int
	for _, layer := range layers {
		if !layer.ReadOnly {
			mine++
		}
	}
	assert.Equal(t, 1, mine, "layers of one's own")
}
