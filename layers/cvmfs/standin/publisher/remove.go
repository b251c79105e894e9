package publisher

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// remove is os.RemoveAll for trees whose directories deny their owner the deleting.
func remove(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(path))
}

// sortDeepestFirst puts what is in a directory before the directory.
func sortDeepestFirst(paths []string) {
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(b, a) })
}
