package storage

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Contents other than those that a layer was recorded with are refused, and nothing changes.
func TestReplaceRemoteLayerRefuses(t *testing.T) {
	contents := layerTar(t)
	ordinary := func(t *testing.T) (*store, *Layer) {
		s := remoteStore(t)
		layer, _, err := s.PutLayer("base", "", nil, "", false, nil, bytes.NewReader(contents))
		require.NoError(t, err)
		return s, layer
	}
	remote := func(t *testing.T) (*store, *Layer) {
		s := remoteStore(t)
		found, d := remoteAnswer("base", 1000)
		layer, err := putRemote(s, "base", "", found, d, 100)
		require.NoError(t, err)
		return s, layer
	}
	shared := func(t *testing.T) (*store, *Layer) {
		admin, layer := remote(t)
		s, _ := sharedBy(t, admin)
		return s, layer
	}
	for name, put := range map[string]func(*testing.T) (*store, *Layer){"ordinary": ordinary, "remote": remote, "of an additional store": shared} {
		t.Run(name, func(t *testing.T) {
			s, before := put(t)
			tree := storeNames(t, s.graphRoot)
			_, _, err := s.ReplaceRemoteLayer("base", nil, bytes.NewReader(make([]byte, 1024)))
			require.ErrorIs(t, err, cvmfs.ErrMismatch)
			after, err := s.Layer("base")
			require.NoError(t, err)
			assert.Equal(t, before.RemoteLayerRecord, after.RemoteLayerRecord)
			assert.Equal(t, before.UncompressedDigest, after.UncompressedDigest)
			assert.Equal(t, tree, storeNames(t, s.graphRoot))
			layers, err := s.Layers()
			require.NoError(t, err)
			assert.Len(t, layers, 1)
		})
	}
	s, before := ordinary(t)
	after, _, err := s.ReplaceRemoteLayer("base", nil, bytes.NewReader(contents))
	require.NoError(t, err)
	assert.Equal(t, before.CompressedDigest, after.CompressedDigest)
	diff, err := s.Diff("", "base", nil)
	require.NoError(t, err)
	again, err := io.ReadAll(diff)
	require.NoError(t, err)
	require.NoError(t, diff.Close())
	assert.Equal(t, contents, again)
}

func TestReplaceRemoteLayer(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	contents := layerTar(t)
	found.DiffID = digest.FromBytes(contents)
	base, err := putRemote(s, "base", "", found, d, 100)
	require.NoError(t, err)
	other, d2 := remoteAnswer("top", 1000)
	_, err = putRemote(s, "top", base.ID, other, d2, 100)
	require.NoError(t, err)

	_, _, err = s.ReplaceRemoteLayer(base.ID, nil, strings.NewReader("no tar"))
	require.Error(t, err)
	layer, err := reopen(t, s).Layer(base.ID)
	require.NoError(t, err)
	assert.Equal(t, LayerKindRemoteReadonly, layer.Kind, "after a failed attempt")

	_, _, err = s.ReplaceRemoteLayer(base.ID, nil, bytes.NewReader(contents))
	require.NoError(t, err)

	s = reopen(t, s)
	layers, err := s.Layers()
	require.NoError(t, err)
	assert.Len(t, layers, 2)
	layer, err = s.Layer(base.ID)
	require.NoError(t, err)
	assert.Equal(t, RemoteLayerRecord{RemoteDigest: d}, layer.RemoteLayerRecord)
	assert.NotContains(t, layer.Flags, remoteFlag)
	assert.Equal(t, digest.FromBytes(contents), layer.UncompressedDigest)
	diff, err := s.Diff("", base.ID, nil)
	require.NoError(t, err)
	again, err := io.ReadAll(diff)
	require.NoError(t, err)
	require.NoError(t, diff.Close()) // it holds the lock
	assert.Equal(t, contents, again)
	lower, err := os.ReadFile(filepath.Join(s.graphRoot, "overlay", "top", "lower"))
	require.NoError(t, err)
	hello, err := os.ReadFile(filepath.Join(s.graphRoot, "overlay", string(lower), "hello"))
	require.NoError(t, err)
	assert.Equal(t, "world", string(hello), "the child finds the layer under the same name")

	// A process killed between the driver's last step and saving leaves the flag.
	rewriteLayers(t, s, func(record map[string]any) {
		record["flags"] = map[string]any{remoteFlag: true}
	})
	layer, err = reopen(t, s).Layer(base.ID)
	require.NoError(t, err)
	assert.Empty(t, layer.Kind)
	assert.NotContains(t, layer.Flags, remoteFlag)
}
