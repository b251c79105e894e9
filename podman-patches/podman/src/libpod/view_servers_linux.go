//go:build !remote
// +build !remote

package libpod

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
	"go.podman.io/common/pkg/config"
)

// viewServerUnit begins the names of the systemd units that servers of views are in.
const viewServerUnit = "libpod-cvmfs-view"

// moveViewServers has the servers of the views that the container is mounted with go
// where its conmon went: out of the cgroup of the service, the login or the job that
// started it, all of whose processes are killed when it ends.  scope is the function
// that puts a process into a systemd scope of its own.
//
// With systemd, conmon is in a scope that is named after the container and must not
// be there any more when the next conmon comes, while a server may still be about to
// end or be kept by another mount.  So each server has a scope of its own beside it.
func (c *Container) moveViewServers(conmon int, scope func(pid int, slice, unit string) error) {
	servers, err := c.runtime.store.RemoteLayerServers(c.ID())
	if err != nil {
		logrus.Debugf("Finding the servers of views of container %s: %v", c.ID(), err)
	}
	if len(servers) == 0 {
		return
	}
	there, err := cgroupsOf(conmon)
	for _, server := range servers {
		if err == nil {
			err = c.moveViewServer(server, there, scope)
		}
		if err != nil {
			logrus.Warnf("Moving process %d, which serves layers of container %s, to a cgroup of its own: it will end with what started the container: %v",
				server, c.ID(), err)
		}
	}
}

func (c *Container) moveViewServer(server int, there map[string]string, scope func(pid int, slice, unit string) error) error {
	here, err := cgroupsOf(server)
	if err != nil {
		return nil //nolint:nilerr // it has ended, which the container will find out
	}
	conmonUnit := createUnitName("libpod-conmon", c.ID())
	for hierarchy, cgroup := range there {
		switch {
		case here[hierarchy] == cgroup || strings.HasPrefix(filepath.Base(here[hierarchy]), viewServerUnit):
			continue
		case c.CgroupManager() == config.SystemdCgroupsManager && filepath.Base(cgroup) == conmonUnit:
			unit := createUnitName(viewServerUnit, fmt.Sprintf("%s-%d", c.ID(), server))
			return scope(server, filepath.Base(c.CgroupParent()), unit) // of all hierarchies
		}
		if err := os.WriteFile(filepath.Join(cgroupRoot(hierarchy), cgroup, "cgroup.procs"), []byte(strconv.Itoa(server)), 0); err != nil {
			return err
		}
	}
	return nil
}

// cgroupsOf tells in which cgroup of each hierarchy a process is (cgroups(7)); that of
// version 2 is called "".
func cgroupsOf(pid int) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return nil, err
	}
	cgroups := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if fields := strings.SplitN(line, ":", 3); len(fields) == 3 {
			cgroups[strings.TrimPrefix(fields[1], "name=")] = fields[2]
		}
	}
	return cgroups, nil
}

// cgroupRoot is where a hierarchy is mounted.
func cgroupRoot(hierarchy string) string {
	const root = "/sys/fs/cgroup"
	if hierarchy != "" {
		return filepath.Join(root, hierarchy)
	}
	if unified := filepath.Join(root, "unified"); dirExists(unified) { // version 1, with version 2 beside it
		return unified
	}
	return root
}

func dirExists(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
