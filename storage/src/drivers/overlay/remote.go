//go:build linux

package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/idtools"
	"go.podman.io/storage/pkg/ioutils"
	"go.podman.io/storage/pkg/system"
	"go.podman.io/storage/pkg/unshare"
)

// A remote layer has no entry under "l", and in place of a "diff" directory a
// symbolic link that leads nowhere. Its "link" file begins with the absolute path
// of its layer directory, and its children's "lower" files call it "l/<id>": if
// the layer is made local, that becomes the name of its symbolic link, and the
// children stay as they are.

// remoteRecord is what else the "link" file of a remote layer holds, on a second
// line, as JSON. It is one file, so that a layer that is recorded anew has at no
// moment the path of one repository and the identity of another, and so that a
// layer takes no more room than it must.
type remoteRecord struct {
	Version int `json:"version,omitempty"` // recordVersion; records of the first builds have none, and are the same

	Mode os.FileMode `json:"mode"` // the permission bits that the root of an ordinary layer would have
	cvmfs.Layer
}

// recordVersion is the form of record that this driver writes. It is raised when an
// older driver would misread a newer record; fields that it can do without are added
// as they are.
const recordVersion = 1

// remoteDiff is where that symbolic link points to. Were there nothing, versions
// of this driver without remote layers would make a directory when they mount
// the layer, and take it for the layer's contents. With the link, which is not
// absolute, every way to them ends with an error, and most errors show this text.
const remoteDiff = "remote-readonly layer of podman-cvmfs"

// CreateRemote creates the record of a remote layer.
func (d *Driver) CreateRemote(id, parent string, layer cvmfs.Layer) (retErr error) {
	if _, _, err := cvmfs.SplitLayerPath(layer.Path); err != nil {
		return err
	}
	dir := path.Join(d.homeDirForImageStore(), id)
	if err := idtools.MkdirAllAs(dir, 0o700, 0, 0); err != nil {
		return err
	}
	defer func() {
		if retErr != nil {
			_ = d.Remove(id)
		}
	}()
	perms, err := d.rootPerms(parent)
	if err != nil {
		return err
	}
	if parent != "" {
		lower, err := d.getLower(parent)
		if err != nil {
			return err
		}
		if n := strings.Count(lower, ":") + 2; n > maxDepth {
			return fmt.Errorf("layer %s is number %d of its image, and the overlay driver can mount %d: %w", id, n, maxDepth, graphdriver.ErrNotSupported)
		}
		if err := writeLower(dir, lower); err != nil {
			return err
		}
	}
	return d.writeRemote(id, remoteRecord{recordVersion, perms, layer})
}

// writeLower writes the "lower" file of a layer, so that after a power cut it is
// whole or not there: an empty one would be a layer with nothing beneath it.
func writeLower(dir, lower string) error {
	return ioutils.AtomicWriteFile(path.Join(dir, lowerFile), []byte(lower), 0o644)
}

// mendLower writes the "lower" file of a layer anew, if a power cut has emptied it or
// cut it short.
func mendLower(dir, lower string) error {
	is, err := os.ReadFile(path.Join(dir, lowerFile))
	if err == nil && len(is) == len(lower) && !bytes.ContainsRune(is, 0) || errors.Is(err, os.ErrNotExist) && lower == "" {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return writeLower(dir, lower)
}

// UpdateRemote replaces the record of a remote layer on top of parent. Its root keeps
// its mode, if that can be read.
func (d *Driver) UpdateRemote(id, parent string, layer cvmfs.Layer) error {
	if _, _, err := cvmfs.SplitLayerPath(layer.Path); err != nil {
		return err
	}
	lower := ""
	if parent != "" {
		var err error
		if lower, err = d.getLower(parent); err != nil {
			return err
		}
	}
	old, err := readRemote(d.dir(id))
	switch {
	case errors.Is(err, graphdriver.ErrRemoteRecord):
		perms, err := d.rootPerms(parent)
		if err != nil {
			return err
		}
		old = &remoteRecord{Mode: perms}
	case err != nil:
		return err
	case old == nil:
		return fmt.Errorf("layer %s is not remote: %w", id, graphdriver.ErrLayerUnknown)
	}
	if err := mendLower(d.dir(id), lower); err != nil || old.Layer == layer {
		return err
	}
	return d.writeRemote(id, remoteRecord{recordVersion, old.Mode, layer})
}

// writeRemote writes a remote layer's record.
func (d *Driver) writeRemote(id string, record remoteRecord) error {
	dir, content, _ := d.layerDirs(id)
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(content, 0o700); err != nil {
		return err
	}
	if err := os.Symlink(remoteDiff, path.Join(content, "diff")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// Last: this is what makes the layer a remote one.
	return ioutils.AtomicWriteFile(path.Join(dir, "link"), append([]byte(record.Path+"\n"), data...), 0o644)
}

// RemoteLayer returns the record of a remote layer, or nil for any other.
func (d *Driver) RemoteLayer(id string) (*cvmfs.Layer, error) {
	return remoteLayer(d.dir(id))
}

// remoteLayer reads what the record in a layer's directory says of its contents.
func remoteLayer(dir string) (*cvmfs.Layer, error) {
	record, err := readRemote(dir)
	if record == nil {
		return nil, err
	}
	return &record.Layer, nil
}

// readRemote reads the record in a layer's directory, nil for an ordinary layer.
func readRemote(dir string) (*remoteRecord, error) {
	name := path.Join(dir, "link")
	link, err := readRecord(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if !isRemoteLink(link) {
		if to, err := os.Readlink(path.Join(dir, "diff")); err != nil || to != remoteDiff {
			return nil, nil //nolint:nilerr // an ordinary layer has a directory there
		}
		return nil, unusable(name, "is damaged: it does not begin with the path of a layer directory")
	}
	record := &remoteRecord{}
	end := bytes.LastIndexByte(link, '\n') + 1 // JSON has no line end, a path may
	if err := json.Unmarshal(link[end:], record); err != nil {
		return nil, unusable(name, "is damaged: what follows the path of the layer directory is cut short or garbled")
	}
	if record.Version > recordVersion {
		return nil, unusable(name, fmt.Sprintf("has version %d, and this version of podman knows %d: use the one that wrote it", record.Version, recordVersion))
	}
	record.Path = strings.TrimSuffix(string(link[:end]), "\n")
	if _, _, err := cvmfs.SplitLayerPath(record.Path); err != nil {
		return nil, unusable(name, fmt.Sprintf("is damaged: %v", err))
	}
	if record.DiffSize > cvmfs.MaxDiffSize {
		record.DiffSize = -1
	}
	// Only a power cut leaves an empty list, or one that was not written.
	lower, err := readRecord(path.Join(dir, lowerFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return record, nil
	case err != nil:
		return nil, err
	case len(lower) == 0 || lower[0] == 0:
		return nil, unusable(path.Join(dir, lowerFile), "is damaged: it is empty")
	}
	return record, nil
}

// unusable is the error for a record that cannot be used, and says what can be done.
func unusable(name, why string) error {
	return fmt.Errorf("%w: %q %s; a pull of the image writes it anew: `podman pull --cvmfs IMAGE`", graphdriver.ErrRemoteRecord, name, why)
}

// maxRecord is far above the bytes of any record of a layer; the longest has the
// ranges of a user namespace, 340 at most.
const maxRecord = 256 << 10

// readRecord reads a file of a layer's record. The layer may be in an additional
// store, where another account has put whatever it likes.
func readRecord(name string) ([]byte, error) {
	return beneath.ReadFile(name, maxRecord)
}

// RemoteLayerOptions returns what the storage options say of repositories.
func (d *Driver) RemoteLayerOptions() config.Options {
	options := d.options.remote
	options.Rootless = unshare.IsRootless()
	return options
}

// isRemoteLink says whether the contents of a "link" file are those of a remote layer.
func isRemoteLink(link []byte) bool {
	return filepath.IsAbs(string(link))
}

// linkName is the last element of a layer's name in a "lower" file, given its
// id and the contents of its "link" file.
func linkName(id string, link []byte) string {
	if isRemoteLink(link) {
		return id
	}
	return string(link)
}

// rootStat tells the mode and the owner of a layer's root.
type rootStat struct {
	*system.StatT
	mode uint32
}

func (s rootStat) Mode() uint32 { return s.mode }

// statRoot returns those of the layer with its record in dir and its contents
// in content.
func statRoot(dir, content string) (rootStat, error) {
	record, err := readRemote(dir)
	if err != nil {
		return rootStat{}, err
	}
	if record != nil {
		st, err := system.Stat(dir)
		return rootStat{st, uint32(record.Mode.Perm())}, err
	}
	st, err := system.Stat(path.Join(content, "diff"))
	if err != nil {
		return rootStat{}, err
	}
	return rootStat{st, st.Mode()}, nil
}

// isRemote says whether dir is the directory of a remote layer.
func isRemote(dir string) bool {
	link, err := readRecord(path.Join(dir, "link"))
	return err == nil && isRemoteLink(link)
}
