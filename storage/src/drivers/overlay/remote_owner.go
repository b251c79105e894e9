//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"
	"go.podman.io/storage/pkg/ioutils"
)

// ownerFile of a layer says who owns the files beneath it, if there are remote
// layers among them: a remoteOwner in JSON.
const ownerFile = "remote-owner"

// remoteOwner says how owners are shown. The files of remote layers belong to
// UID:GID; those of other layers to what the ranges make of their owners.
type remoteOwner struct {
	UID  uint32       `json:"uid"`
	GID  uint32       `json:"gid"`
	UIDs []spec.Range `json:"uids,omitempty"`
	GIDs []spec.Range `json:"gids,omitempty"`
}

// mapRemote maps the owners of a new layer on top of an image with remote
// layers: a view shows them as it is told, so that nothing has to be chowned
// and copied up. It returns false if no layer beneath is remote.
func (d *Driver) mapRemote(id, diff string, toContainer, toHost *idtools.IDMappings) (bool, error) {
	stack, err := d.remoteStack(id)
	if err != nil {
		return false, err
	}
	v := &views{d: d, stack: stack}
	remote, err := v.anyRemote()
	for i := 0; err == nil && !remote && i < len(stack); i++ {
		var shown *spec.Layer
		shown, err = v.ordinary(i)
		remote = shown != nil
	}
	if err != nil {
		return false, err
	}
	if !remote || d.useComposeFs() {
		return false, nil
	}
	if toContainer == nil {
		toContainer = &idtools.IDMappings{}
	}
	if toHost == nil {
		toHost = &idtools.IDMappings{}
	}
	uid, gid, err := idtools.GetRootUIDGID(toHost.UIDs(), toHost.GIDs())
	if err != nil {
		return false, err
	}
	if err := os.Chown(diff, uid, gid); err != nil {
		return false, err
	}
	owner, err := json.Marshal(remoteOwner{
		UID:  uint32(uid),
		GID:  uint32(gid),
		UIDs: shownAs(toContainer.UIDs(), toHost.UIDs()),
		GIDs: shownAs(toContainer.GIDs(), toHost.GIDs()),
	})
	if err != nil {
		return false, err
	}
	return true, ioutils.AtomicWriteFile(path.Join(d.dir(id), ownerFile), owner, 0o644)
}

// MapsRemote says whether mapRemote has mapped the owners for a layer.
func (d *Driver) MapsRemote(id string) (bool, error) {
	_, err := os.Stat(path.Join(d.dir(id), ownerFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// shownAs gives what a host id of one mapping is in another.
func shownAs(toContainer, toHost []idtools.IDMap) []spec.Range {
	all := []spec.Range{{Size: math.MaxUint32}}
	first, second := all, all
	if len(toContainer) > 0 {
		first = nil
	}
	for _, m := range toContainer {
		first = append(first, spec.Range{From: uint32(m.HostID), To: uint32(m.ContainerID), Size: uint32(m.Size)})
	}
	if len(toHost) > 0 {
		second = nil
	}
	for _, m := range toHost {
		second = append(second, spec.Range{From: uint32(m.ContainerID), To: uint32(m.HostID), Size: uint32(m.Size)})
	}
	return spec.Through(first, second)
}

// remoteStack returns the names in a layer's "lower" file.
func (d *Driver) remoteStack(id string) ([]string, error) {
	lowers, err := os.ReadFile(path.Join(d.dir(id), lowerFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return strings.Split(string(lowers), ":"), nil
}

// setOwner finds out how a mount shows owners. Ordinary lowers get ID-mapped
// mounts if it needs a mapping, and a view shows its files' owner mapped.
func (v *views) setOwner(dir string, needsIDMapping bool, uidMaps, gidMaps []idtools.IDMap) error {
	if !needsIDMapping {
		if !slices.ContainsFunc(v.stack, mayBeRemote) {
			return nil
		}
		return v.readOwner(dir)
	}
	uid, gid, err := idtools.GetRootUIDGID(uidMaps, gidMaps)
	v.owner = remoteOwner{
		UID: uint32(uid), GID: uint32(gid),
		UIDs: shownAs(nil, uidMaps), GIDs: shownAs(nil, gidMaps),
	}
	return err
}

// readOwner finds what the topmost layer with an ownerFile says: that of the
// directory dir, or one of the stack.
func (v *views) readOwner(dir string) error {
	for i := -1; i < len(v.stack); i++ {
		if i >= 0 {
			target, err := os.Readlink(v.d.dir(v.stack[i]))
			if err != nil { // a remote layer
				continue
			}
			dir = v.d.dir(path.Base(path.Dir(target)))
		}
		owner, err := readRecord(path.Join(dir, ownerFile))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(owner, &v.owner)
		}
		if err != nil {
			return fmt.Errorf("reading %q, which says who owns the files of a container: %w", path.Join(dir, ownerFile), err)
		}
		v.mapped, v.mappedFrom = true, i+1
		break
	}
	return nil
}

// ordinary returns an ordinary layer of the stack, where a view is to show it
// because its owners are mapped, or are not.
func (v *views) ordinary(i int) (*spec.Layer, error) {
	mapped := v.mapped && i >= v.mappedFrom
	if v.stack[i] == "" || !mapped && len(v.d.getAllImageStores()) == 0 {
		return nil, nil
	}
	if _, _, inAdditionalStore := v.d.layerDirs(v.stack[i]); !mapped && !inAdditionalStore {
		return nil, nil
	}
	dir, diff, err := v.d.lowerOf(v.stack[i])
	if err != nil {
		return nil, err
	}
	if unowned, err := v.unowned(dir, diff); unowned != nil || err != nil || !mapped {
		return unowned, err
	}
	return &spec.Layer{Path: diff, Overlay: v.d.getWhiteoutFormat() == archive.OverlayWhiteoutFormat, Store: true}, nil
}
