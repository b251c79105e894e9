//go:build !windows

package view

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxLooked bounds how many names ClosedFile looks at.
const maxLooked = 10_000

// ClosedFile returns the first regular file at path, or beneath it if it is a
// directory, that permissions keep from the caller (EACCES at open), or "". It follows
// no symbolic link, and looks at 10,000 names at most. Who copies a directory, as a
// runtime does for a tmpfs, is told EACCES without the name.
func ClosedFile(path string) string {
	closed, looked := "", 0
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if looked++; looked > maxLooked {
			return fs.SkipAll
		}
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // one that cannot be listed is an empty one to who copies it
		}
		file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrPermission) {
			closed = name
			return fs.SkipAll
		}
		if err == nil {
			file.Close()
		}
		return nil
	})
	return closed
}
