//go:build linux

package lookup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// toleratedClosed are directories at a layer's top that may be closed. Nearly every
// base image closes root's home, and most containers do not need what is in it.
// mkfs makes an empty lost+found. Every container has something mounted on the others.
var toleratedClosed = []string{"root", "lost+found", "proc", "sys", "dev"}

// maxNamed is how many closed names an error lists.
const maxNamed = 3

// checkTop is cvmfs.ErrClosed if the repository's permissions keep the caller from
// a file or a directory at the top of the layer directory that layerfs is open on,
// toleratedClosed apart. A closed directory would hide what lower layers hold in it,
// and would be empty where the image has files.
//
// It costs one listing, and one look-up for each name. The attributes that come with
// the look-up answer the rest in the kernel. Nothing below the top is asked for.
func checkTop(layerfs int) error {
	fd, err := unix.FcntlInt(uintptr(layerfs), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), cvmfs.LayerFS)
	defer dir.Close()
	var closed []string
	for len(closed) <= maxNamed {
		names, err := dir.Readdirnames(1024) // there may be more than memory holds
		for _, name := range names {
			mode, shut, err := closedMode(layerfs, name)
			if err != nil {
				return fmt.Errorf("reading %q: %w", name, cvmfs.FromFS(err))
			}
			if shut {
				closed = append(closed, fmt.Sprintf("%s (mode %04o)", cvmfs.Printable("/"+name), mode))
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("listing %s: %w", cvmfs.LayerFS, cvmfs.FromFS(err))
		}
	}
	if len(closed) == 0 {
		return nil
	}
	slices.Sort(closed)
	if len(closed) > maxNamed {
		closed = append(closed[:maxNamed], "…")
	}
	return fmt.Errorf("%w: %s", cvmfs.ErrClosed, strings.Join(closed, ", "))
}

// closedMode says whether a name in the layer directory is closed to the caller, and
// gives its permissions.
func closedMode(layerfs int, name string) (mode uint32, closed bool, err error) {
	kind, _, err := whiteout.Parse(name)
	if err != nil || kind != whiteout.Entry || cvmfs.IsCatalogMarker(name) {
		return 0, false, nil //nolint:nilerr // no content; nobody reads it
	}
	var st unix.Stat_t
	_, err = beneath.Retry(func() (int, error) {
		return 0, unix.Fstatat(layerfs, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if errors.Is(err, unix.ENOENT) { // the layer is being removed, which a start finds out
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	access := uint32(unix.R_OK)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if slices.Contains(toleratedClosed, name) {
			return 0, false, nil
		}
		access |= unix.X_OK
	case unix.S_IFREG:
		if st.Size == 0 { // there is nothing to read
			return 0, false, nil
		}
	default:
		return 0, false, nil
	}
	_, err = beneath.Retry(func() (int, error) { return 0, unix.Faccessat(layerfs, name, access, 0) })
	return st.Mode & 0o7777, errors.Is(err, unix.EACCES), nil
}
