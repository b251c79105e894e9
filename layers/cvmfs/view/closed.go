//go:build !windows

package view

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxLooked bounds how many names ClosedFile looks at.
const maxLooked = 10_000

// ClosedFile returns the first regular file at path, or beneath it if it is a
// directory, that permissions keep from the caller (EACCES), or "". It opens no file,
// which a client would fetch, follows no symbolic link, and looks at 10,000 names at most. Who copies a directory, as a
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
		if errors.Is(unix.Access(name, unix.R_OK), unix.EACCES) {
			closed = name
			return fs.SkipAll
		}
		return nil
	})
	return closed
}
