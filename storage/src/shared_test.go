package storage

import (
	"archive/tar"
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharedBy opens a store that has a copy of another one as its additional
// store: a process may have a store open in one way only.
func sharedBy(t *testing.T, admin *store) (s *store, shared string) {
	t.Helper()
	shared = copyOf(t, admin.graphRoot)
	return remoteStore(t, "overlay.imagestore="+shared), shared
}

// copyOf copies a store's files.
func copyOf(t *testing.T, root string) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, exec.Command("cp", "-a", root, other).Run())
	return other
}

// storeNames are the names below a store's overlay directory.
func storeNames(t *testing.T, root string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "overlay", "*", "*"))
	require.NoError(t, err)
	return names
}

func layerTar(t *testing.T) []byte {
	t.Helper()
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: 5, Typeflag: tar.TypeReg}))
	_, err := w.Write([]byte("world"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return tarball.Bytes()
}

func TestRemoteLayerOfAdditionalStore(t *testing.T) {
	admin := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	found.DiffID = digest.FromBytes(layerTar(t))
	base, err := putRemote(admin, "base", "", found, d, 100)
	require.NoError(t, err)
	s, shared := sharedBy(t, admin)
	before := storeNames(t, shared)

	// The same content under a later revision is recorded well enough.
	later := *found
	later.Layer.Revision++
	layer, err := putRemote(s, "base", "", &later, d, 100)
	require.ErrorIs(t, err, ErrDuplicateID)
	assert.True(t, layer.ReadOnly)
	assert.Empty(t, storeNames(t, s.graphRoot), "made for what the additional store has")

	// Other content, and a copy, become the account's own.
	later.Layer.CatalogHash = "beef"
	layer, err = putRemote(s, "base", "", &later, d, 100)
	require.NoError(t, err)
	assert.False(t, layer.ReadOnly)
	got, err := s.Layer("base")
	require.NoError(t, err)
	assert.Equal(t, "beef", got.RemoteIdentity.CatalogHash)
	require.NoError(t, s.DeleteLayer("base"))

	layer, _, err = s.ReplaceRemoteLayer("base", nil, bytes.NewReader(layerTar(t)))
	require.NoError(t, err)
	assert.Equal(t, "base", layer.ID)
	got, err = s.Layer("base")
	require.NoError(t, err)
	assert.Empty(t, got.Kind)
	require.NoError(t, s.DeleteLayer("base"))

	got, err = s.Layer("base")
	require.NoError(t, err)
	assert.Equal(t, base.RemoteLayerRecord, got.RemoteLayerRecord)
	assert.Equal(t, before, storeNames(t, shared), "the additional store")
}
