package storage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	drivers "go.podman.io/storage/drivers"
)

// A repository that is out, as it is here, is told, and nothing is removed.
func TestCheckRemote(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	base, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	image, err := s.CreateImage("", []string{"image"}, base.ID, "", nil)
	require.NoError(t, err)
	container, err := s.CreateContainer("", nil, image.ID, "", "", nil)
	require.NoError(t, err)
	damaged, err := s.CreateContainer("", nil, image.ID, "", "", &ContainerOptions{
		BigData: []ContainerBigDataOption{{Key: "data", Data: []byte("data")}},
	})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(s.graphRoot, "overlay-containers", damaged.ID)))

	report, err := s.Check(CheckEverything())
	require.NoError(t, err)
	for id, errs := range map[string][]error{base.ID: report.Layers[base.ID], image.ID: report.Images[image.ID]} {
		if assert.Len(t, errs, 1, id) {
			var remote *drivers.RemoteStackError
			assert.ErrorAs(t, errs[0], &remote)
		}
	}
	errs := s.Repair(report, RepairEverything())
	require.Len(t, errs, 3, "one for each layer that can't be mounted")
	assert.ErrorContains(t, errs[0], "not removed: layer ")
	assert.True(t, s.Exists(image.ID) && s.Exists(base.ID) && s.Exists(container.ID))
	assert.False(t, s.Exists(damaged.ID), "what is damaged for another reason is removed")
}
