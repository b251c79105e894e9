//go:build linux

package overlay

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"github.com/sirupsen/logrus"
	graphdriver "go.podman.io/storage/drivers"
)

// viewsDir is where views are mounted, below the run directory, for as long as it
// takes to stack them or to look into them. Below the driver's home they would go
// with the mount that the driver makes of it: any process that ends unmounts that
// (Cleanup), with all that other processes have mounted on it.
const viewsDir = "views"

// views gives the lowers that stand for the remote layers in a stack: one view
// for each run of consecutive ones. Where owners are mapped, one view shows all
// that is beneath, ordinary layers too.
type views struct {
	d          *Driver
	dir        string
	stack      []string // names as in a "lower" file, topmost first
	owner      remoteOwner
	mapped     bool // owners are mapped from mappedFrom on
	mappedFrom int
	until      int  // the stack is dealt with up to here
	remote     bool // a remote layer is among what was dealt with
	runs       []remoteRun
}

// remoteRun is a run of consecutive remote layers, topmost first, and where
// its view is mounted.
type remoteRun struct {
	kind   view.Kind
	layers []spec.Layer
	at     *view.Mountpoint
	conf   config.Config
}

// lower returns what stands for the i-th layer of the stack, once mount has
// been called. remote is false if it is an ordinary layer. A layer that an
// earlier view presents needs no lower of its own.
func (v *views) lower(i int) (lowers []string, remote bool, err error) {
	if i < v.until {
		return nil, true, nil
	}
	var run []spec.Layer
	for v.until = i; v.until < len(v.stack); v.until++ {
		layer, err := v.d.remoteLower(v.stack[v.until])
		if err != nil {
			return nil, false, err
		}
		if layer != nil {
			v.remote = true
			run = append(run, spec.Layer{Path: layer.Path, CatalogHash: layer.CatalogHash})
			continue
		}
		ordinary, err := v.ordinary(v.until)
		if err != nil {
			return nil, false, err
		}
		if ordinary == nil {
			break
		}
		run = append(run, *ordinary)
	}
	if len(run) == 0 {
		return nil, false, nil
	}
	lowers, err = v.add(run)
	return lowers, true, err
}

// add plans a view for a run of remote layers, topmost first.
func (v *views) add(run []spec.Layer) ([]string, error) {
	conf, err := config.Load(v.d.RemoteLayerOptions())
	if err != nil {
		return nil, err
	}
	kind, plan := view.Kind(conf.View), spec.Spec{Layers: run}
	if v.mapped {
		plan.UIDs, plan.GIDs = v.owner.UIDs, v.owner.GIDs
	}
	if !kind.Serves(plan) {
		return kind.Stack(plan, nil)
	}
	at, err := view.MakeMountpoint(filepath.Join(v.d.runhome, viewsDir))
	if err != nil {
		return nil, err
	}
	v.runs = append(v.runs, remoteRun{kind, run, at, conf})
	return []string{at.Dir}, nil
}

// mount mounts the planned views, lowest first: a view looks at the lowers
// beneath it.
func (v *views) mount(lowers []string) error {
	for i := len(v.runs) - 1; i >= 0; i-- {
		below := []string{}
		for at, lower := range lowers {
			if lower == v.runs[i].at.Dir {
				below = lowers[at+1:]
			}
		}
		_, err := v.runs[i].kind.Stack(spec.Spec{
			Layers: v.runs[i].layers,
			UID:    v.owner.UID,
			GID:    v.owner.GID,
			UIDs:   v.owner.UIDs,
			GIDs:   v.owner.GIDs,
			Below:  below,
			Setuid: v.runs[i].conf.Setuid,
			Xattrs: v.d.options.mountProgram != "",

			Timeout:       v.runs[i].conf.StartTimeout,
			AnswerTimeout: v.runs[i].conf.Timeout,
		}, v.runs[i].at)
		if err != nil {
			return fmt.Errorf("using remote layers for %q: %w", v.dir, err)
		}
	}
	return nil
}

// mountOptions adds what makes a stack with views look like one file system,
// as one without them does: st_dev and inode numbers.
func (v *views) mountOptions(options []string) []string {
	if len(v.runs) == 0 || v.d.options.mountProgram != "" {
		return options
	}
	for _, option := range options {
		if strings.HasPrefix(option, "xino=") {
			return options
		}
	}
	return append(options, "xino=on")
}

// served says whether a lower is a view that shows owners as it was told.
func (v *views) served(lower string) bool {
	return slices.ContainsFunc(v.runs, func(r remoteRun) bool { return r.at.Dir == lower })
}

// done releases the views, once the stack is mounted or *err says why not. Who serves
// those that are mounted now is noted until the stack is unmounted.
func (v *views) done(err *error) {
	if *err == nil && (v.remote || len(v.runs) > 0) {
		pids := make([]int, 0, len(v.runs))
		for _, run := range v.runs {
			pids = append(pids, run.at.Server)
		}
		if err := view.NoteServers(v.d.serversFile(filepath.Base(v.dir)), pids); err != nil {
			logrus.Warnf("%v", err)
		}
	}
	v.release()
	if *err != nil && v.remote {
		*err = graphdriver.NewRemoteStackError(*err)
	}
}

// release takes the views' mounts away. An overlay that stacks them keeps them alive.
func (v *views) release() {
	for _, run := range v.runs {
		if err := run.at.Release(); err != nil {
			logrus.Warnf("Releasing a view: %v", err)
		}
	}
	v.runs = nil
	v.d.unmounted(v.dir)
}

// serversDir has, below the run directory, a file for each layer that is mounted with
// views beneath it, which names the processes that serve them.
const serversDir = "servers"

// serversFile is that file, of the layer id.
func (d *Driver) serversFile(id string) string {
	return filepath.Join(d.runhome, serversDir, id)
}

// RemoteServers returns the processes that serve remote layers beneath the layer id:
// not nil, if it is mounted with such layers.
func (d *Driver) RemoteServers(id string) []int {
	file := d.serversFile(id)
	if _, err := os.Lstat(file); err != nil {
		return nil
	}
	pids := []int{}
	for _, server := range view.NotedServers(file) {
		pids = append(pids, server.PID)
	}
	return pids
}
