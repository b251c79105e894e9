package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// Entry is a file that the calling user may not read, or a directory that he
// may not list or enter.
type Entry struct {
	Path string `json:"path"` // below the layer directory
	Type string `json:"type"` // file or directory
	Mode string `json:"mode"` // as ls shows it
}

// Hidden walks a layer directory and lists what the calling user may not see:
// in a container on it these are empty or unreadable, unless the site makes
// them readable. What is below a hidden directory cannot be listed.
func Hidden(layer string) ([]Entry, error) {
	hidden := []Entry{}
	err := filepath.WalkDir(layer, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return cvmfs.FromFS(err)
		}
		var need uint32
		switch {
		case d.IsDir():
			need = unix.R_OK | unix.X_OK
		case d.Type().IsRegular():
			need = unix.R_OK
		default:
			return nil
		}
		err = unix.Faccessat(unix.AT_FDCWD, path, need, unix.AT_EACCESS)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EACCES) {
			return cvmfs.FromFS(err)
		}
		info, err := d.Info()
		if err != nil {
			return cvmfs.FromFS(err)
		}
		entry := Entry{Type: "file", Mode: info.Mode().String()}
		if entry.Path, err = filepath.Rel(layer, path); err != nil {
			return err
		}
		hidden = append(hidden, entry)
		if d.IsDir() {
			hidden[len(hidden)-1].Type = "directory"
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walking layer directory %q: %w", layer, err)
	}
	return hidden, nil
}
