//go:build linux && !containers_image_storage_stub
// +build linux,!containers_image_storage_stub

package storage

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/storage"
)

// sharedBy opens an empty store that has a copy of another one as its additional store: a process may have a store open
// in one way only.
func (i *remoteImage) sharedBy(t *testing.T, admin storage.Store) (store storage.Store, shared string) {
	wd := t.TempDir()
	shared = filepath.Join(wd, "shared")
	require.NoError(t, exec.Command("cp", "-a", admin.GraphRoot(), shared).Run())
	store, err := storage.GetStore(storage.StoreOptions{
		RunRoot: filepath.Join(wd, "run"), GraphRoot: filepath.Join(wd, "root"), GraphDriverName: "overlay",
		GraphDriverOptions: []string{
			"overlay.skip_mount_home=true", "overlay.cvmfs_repositories=" + i.repository, "overlay.imagestore=" + shared,
		},
	})
	require.NoError(t, err)
	t.Cleanup(store.Free)
	return store, shared
}

// layersOf are the names of layers that a store's directory holds.
func layersOf(t *testing.T, root string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "overlay", "*", "link"))
	require.NoError(t, err)
	return names
}

// What an additional store has is used from there. What it lost, or what shall be local, is all of the store's own.
func TestPullBesideAdditionalStore(t *testing.T) {
	image := newRemoteImage(t, 3)
	image.publish(t, 0, 2)
	admin := image.remoteStore(t)
	_, err := image.pull(t, admin, &auto)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		mode *string
		then func()
		want []string
		own  int // layers
	}{
		"auto":                {&auto, func() {}, []string{remote, "", remote}, 0},
		"off":                 {&off, func() {}, []string{"", "", ""}, 3},
		"no longer published": {&auto, func() { image.unpublish(t, 2) }, []string{remote, "", ""}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			defer image.publish(t, 2)
			store, shared := image.sharedBy(t, admin)
			before := layersOf(t, shared)
			c.then()
			_, err := image.pull(t, store, c.mode)
			require.NoError(t, err)
			assert.Equal(t, c.want, image.kinds(t, store))
			assert.Len(t, layersOf(t, store.GraphRoot()), c.own)
			assert.Equal(t, before, layersOf(t, shared))
		})
	}
	// A copy from there may not be readable, so the original is asked for.
	store, _ := image.sharedBy(t, admin)
	image.lose(t, 1)
	_, err = image.pull(t, store, &off)
	assert.ErrorContains(t, err, image.layers[1].Encoded())
}

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
