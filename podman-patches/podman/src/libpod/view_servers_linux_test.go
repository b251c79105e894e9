//go:build !remote
// +build !remote

package libpod

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.podman.io/common/pkg/config"
)

// newCgroup makes a cgroup beside all others, which goes after the test's processes.
func newCgroup(t *testing.T, name string) string {
	dir := filepath.Join(cgroupRoot(""), name)
	require.NoError(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { assert.NoError(t, os.Remove(dir)) })
	return dir
}

// processIn starts a process in a cgroup.
func processIn(t *testing.T, cgroup string) int {
	cmd := exec.Command("sleep", "1000")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	})
	require.NoError(t, os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0))
	return cmd.Process.Pid
}

// The server of a view leaves the cgroup of the job that started the container for conmon's, or, where
// systemd has put conmon into a scope, for a scope of its own.
func TestMoveViewServer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes cgroups")
	}
	suffix := strconv.Itoa(os.Getpid())
	c := &Container{config: &ContainerConfig{ID: "of-a-test-" + suffix}}
	job, unit := newCgroup(t, "job-"+suffix), newCgroup(t, createUnitName("libpod-conmon", c.ID()))
	server, conmon := processIn(t, job), processIn(t, unit)
	there, err := cgroupsOf(conmon)
	require.NoError(t, err)
	require.Equal(t, filepath.Base(unit), filepath.Base(there[""]))

	type scope struct {
		pid         int
		slice, unit string
	}
	var scopes []scope
	put := func(pid int, slice, unit string) error {
		scopes = append(scopes, scope{pid, slice, unit})
		return nil
	}
	c.config.CgroupManager, c.config.CgroupParent = config.SystemdCgroupsManager, "/user.slice/test.slice"
	require.NoError(t, c.moveViewServer(server, there, put))
	assert.Equal(t, []scope{{server, "test.slice", createUnitName(viewServerUnit, c.ID()+"-"+strconv.Itoa(server))}}, scopes)
	here, err := cgroupsOf(server)
	require.NoError(t, err)
	assert.Equal(t, filepath.Base(job), filepath.Base(here[""]))

	c.config.CgroupManager = config.CgroupfsCgroupsManager
	require.NoError(t, c.moveViewServer(server, there, nil))
	here, err = cgroupsOf(server)
	require.NoError(t, err)
	assert.Equal(t, there, here)

	require.NoError(t, c.moveViewServer(1<<22+1, there, put), "one that has ended")
	assert.Len(t, scopes, 1)
}
