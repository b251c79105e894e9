package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// The kinds of entries that a container from the layer shows otherwise than an
// ordinary one.
const (
	ClosedFile      = "file"      // the calling user may not read it
	ClosedDirectory = "directory" // he may not list or enter it
	Setuid          = "setuid"    // it is a setuid or setgid file: a view clears these bits
)

// Entry is one of them. A file may be two.
type Entry struct {
	Path string `json:"path"` // below the layer directory
	Type string `json:"type"` // one of the kinds
	Mode string `json:"mode"` // as ls shows it
}

// Hidden walks a layer directory and lists what the calling user may not see:
// in a container on it these are empty or unreadable, unless the site makes
// them readable. What is below a hidden directory cannot be listed. It lists
// setuid and setgid files, too.
func Hidden(layer string) ([]Entry, error) {
	hidden := []Entry{}
	err := filepath.WalkDir(layer, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return cvmfs.FromFS(err)
		}
		info, err := d.Info()
		if err != nil {
			return cvmfs.FromFS(err)
		}
		add := func(kind string) error {
			rel, err := filepath.Rel(layer, path)
			hidden = append(hidden, Entry{Path: rel, Type: kind, Mode: info.Mode().String()})
			return err
		}
		need, kind := uint32(unix.R_OK), ClosedFile
		if d.IsDir() {
			need, kind = unix.R_OK|unix.X_OK, ClosedDirectory
		} else if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			if err := add(Setuid); err != nil {
				return err
			}
		}
		err = unix.Faccessat(unix.AT_FDCWD, path, need, unix.AT_EACCESS)
		if !errors.Is(err, unix.EACCES) {
			return cvmfs.FromFS(err)
		}
		if err := add(kind); err != nil {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walking layer directory %q: %w", layer, err)
	}
	return hidden, nil
}
