package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const capability = "security.capability"

// attributes are the calls that answer for one file.
type attributes struct {
	list func([]byte) (int, error)
	get  func(string, []byte) (int, error)
}

func openXattrs(fd int) attributes {
	return attributes{
		func(b []byte) (int, error) { return unix.Flistxattr(fd, b) },
		func(attr string, b []byte) (int, error) { return unix.Fgetxattr(fd, attr, b) },
	}
}

// xattrs records the extended attributes of a name in d. The calls take a path
// and no directory, and a path may be too long: so they are asked from within.
func (w *walker) xattrs(e *entry, d *dir, name string) error {
	if w.cwd != d {
		// Looking names up in d worked, so it can be searched.
		if err := unix.Fchdir(d.fd); err != nil {
			return fmt.Errorf("changing to the directory of %q: %w", e.Path, err)
		}
		w.cwd = d
	}
	recordXattrs(e, attributes{
		func(b []byte) (int, error) { return unix.Llistxattr(name, b) },
		func(attr string, b []byte) (int, error) { return unix.Lgetxattr(name, attr, b) },
	})
	return nil
}

func recordXattrs(e *entry, of attributes) {
	names, err := grow(of.list)
	if err != nil {
		e.Errors = append(e.Errors, failure("listxattr", err))
	}
	seen := map[string]bool{"": true}
	// A file system may answer by name what it doesn't list.
	for _, attr := range append(strings.Split(string(names), "\x00"), capability) {
		if seen[attr] {
			continue
		}
		seen[attr] = true
		value, err := grow(func(b []byte) (int, error) { return of.get(attr, b) })
		if errors.Is(err, unix.ENODATA) && attr == capability {
			continue
		}
		if err != nil {
			e.Errors = append(e.Errors, failure("getxattr "+quote(attr), err))
			continue
		}
		if e.Xattrs == nil {
			e.Xattrs = map[string]string{}
		}
		e.Xattrs[quote(attr)] = hex.EncodeToString(value)
	}
}

// leave forgets the working directory before it is closed.
func (w *walker) leave(d *dir) {
	if w.cwd == d {
		w.cwd = nil
	}
}

// grow calls with larger buffers, until the answer fits. The first is large
// enough for nearly all.
func grow(call func([]byte) (int, error)) ([]byte, error) {
	for size := 1 << 10; ; size <<= 2 {
		b := make([]byte, size)
		n, err := retry(func() (int, error) { return call(b) })
		if errors.Is(err, unix.ERANGE) && size < 1<<20 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
}
