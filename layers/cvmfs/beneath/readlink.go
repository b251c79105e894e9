//go:build linux

package beneath

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// rawLink is the attribute in which a CVMFS client has a symbolic link's
// target as it was published (cvmfs/magic_xattr.cc).
const rawLink = "xfsroot.rawlink"

// Readlink reads the target of the symbolic link name in the open directory
// dir, as it was published: behind a CVMFS client readlink(2) gives it with its
// variables expanded.
func Readlink(dir int, name string, client bool) ([]byte, error) {
	buf := make([]byte, unix.PathMax)
	if client {
		// There is no getxattrat(2) before Linux 6.13.
		path := fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
		n, err := Retry(func() (int, error) { return unix.Lgetxattr(path, rawLink, buf) })
		switch {
		case err == nil && n > 0:
			target := bytes.TrimRight(buf[:n], "\x00")
			if bytes.IndexByte(target, 0) >= 0 {
				return nil, fmt.Errorf("link %q leads to %q: %w", name, target, unix.EINVAL)
			}
			return target, nil
		case err != nil && !slices.ContainsFunc([]error{unix.ENODATA, unix.EOPNOTSUPP, unix.ENOSYS},
			func(none error) bool { return errors.Is(err, none) }):
			return nil, err // not the expanded target in its place
		}
	}
	n, err := Retry(func() (int, error) { return unix.Readlinkat(dir, name, buf) })
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}
