package storage

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMountImageOfAdditionalStore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	admin := remoteStore(t)
	_, _, err := admin.PutLayer("base", "", nil, "", false, nil, bytes.NewReader(layerTar(t)))
	require.NoError(t, err)
	_, err = admin.CreateImage("image", nil, "base", "", nil)
	require.NoError(t, err)
	s, shared := sharedBy(t, admin)
	before := storeNames(t, shared)

	_, err = s.MountImage("none", nil, "")
	assert.ErrorIs(t, err, ErrImageUnknown)
	_, err = s.UnmountImage("image", false)
	assert.ErrorIs(t, err, ErrLayerUnknown, "not mounted")
	point, err := s.MountImage("image", nil, "")
	require.NoError(t, err)
	defer func() { _, _ = s.UnmountImage("image", true) }()
	again, err := s.MountImage("image", nil, "")
	require.NoError(t, err)
	assert.Equal(t, point, again)
	count, err := s.Mounted("base")
	require.NoError(t, err)
	assert.Equal(t, 2, count)
	layer, err := s.Layer("base")
	require.NoError(t, err)
	assert.Equal(t, point, layer.MountPoint)
	for _, still := range []bool{true, false} {
		hello, err := os.ReadFile(filepath.Join(point, "hello"))
		require.NoError(t, err)
		assert.Equal(t, "world", string(hello))
		mounted, err := s.UnmountImage("image", false)
		require.NoError(t, err)
		assert.Equal(t, still, mounted)
	}
	_, err = os.Stat(point)
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = s.Mounted("base")
	assert.ErrorIs(t, err, ErrLayerUnknown)
	assert.Equal(t, before, storeNames(t, shared), "the additional store")
}
