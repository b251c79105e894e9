//go:build linux

package beneath

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTooLong says that a file is longer than anything that should be there.
var ErrTooLong = errors.New("too long")

// Read reads a regular file of at most limit bytes, which Open finds.
func Read(dir int, path string, limit int64) ([]byte, error) {
	found, err := Open(dir, path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	return read(found, path, limit)
}

// ReadFile is Read for a path of the node's. Its directories are trusted: only
// the last name must not be a symbolic link. An error names the path.
func ReadFile(path string, limit int64) ([]byte, error) {
	found, err := find(path)
	if err != nil {
		return nil, err
	}
	data, err := read(found, path, limit)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

// OpenFile opens a regular file for reading, as ReadFile does.
func OpenFile(path string) (*os.File, error) {
	found, err := find(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(found)
	fd, _, err := Regular(found)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func find(path string) (int, error) {
	fd, err := Retry(func() (int, error) {
		return unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// read closes found.
func read(found int, name string, limit int64) ([]byte, error) {
	defer unix.Close(found)
	fd, _, err := Regular(found)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLong, limit)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
