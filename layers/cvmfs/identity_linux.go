package cvmfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// magic reads one attribute; a tree without it gives "". It is UTF-8, as the
// records are that it is compared with (JSON).
func magic(dir int, name string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Fgetxattr(dir, name, buf)
	if errors.Is(err, unix.EBADF) { // dir is open as a path only (O_PATH)
		n, err = unix.Getxattr(fmt.Sprintf("/proc/self/fd/%d", dir), name, buf)
	}
	switch {
	case err == nil:
		return strings.ToValidUTF8(strings.TrimSpace(strings.TrimRight(string(buf[:n]), "\x00")), "\ufffd"), nil
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return "", nil
	default:
		return "", fmt.Errorf("reading attribute %s: %w", name, err)
	}
}
