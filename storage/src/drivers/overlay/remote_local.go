//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"os"
	"path"

	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/ioutils"
	"golang.org/x/sys/unix"
)

// MakeLocal gives the remote layer id the contents of the ordinary layer from,
// which has none afterwards. The layer keeps its name in its children's "lower"
// files; overlays that are mounted are not disturbed. A process killed half way
// leaves either the remote layer or the local one.
func (d *Driver) MakeLocal(id, from string) error {
	dir, content, _ := d.layerDirs(id)
	_, source, _ := d.layerDirs(from)
	layer, err := remoteLayer(dir)
	if err != nil && !errors.Is(err, graphdriver.ErrRemoteRecord) {
		return err
	}
	if layer == nil && err == nil {
		return fmt.Errorf("layer %s is not remote: %w", id, graphdriver.ErrLayerUnknown)
	}
	lower, err := os.ReadFile(path.Join(d.dir(from), lowerFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := mendLower(dir, string(lower)); err != nil {
		return err
	}
	if err := os.MkdirAll(content, 0o700); err != nil {
		return err
	}
	if err := exchange(path.Join(source, "diff"), path.Join(content, "diff")); err != nil {
		return err
	}
	_ = os.Rename(path.Join(source, "work"), path.Join(content, "work"))
	target := path.Join("..", id, "diff")
	if content != dir {
		target = path.Join(content, "diff")
	}
	link := path.Join(path.Dir(dir), linkDir, id)
	if err := os.Symlink(target, link); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// This is what makes the layer a local one.
	return ioutils.AtomicWriteFile(path.Join(dir, "link"), []byte(id), 0o644)
}

// exchange gives a layer contents in place of what says that it has none, or of
// what an earlier attempt left. There is no moment with neither, where the file
// system can do that: versions without remote layers would make a directory.
func exchange(source, target string) error {
	err := unix.Renameat2(unix.AT_FDCWD, source, unix.AT_FDCWD, target, unix.RENAME_EXCHANGE)
	if err == nil {
		return nil
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(source, target)
}
