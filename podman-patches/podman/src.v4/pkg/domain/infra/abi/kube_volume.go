package abi

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// writeVolumeFile writes a file of a volume that containers may have written to
// before, and may be writing to now: links there lead nowhere. name may have
// directories, which must exist. The file is new, so that neither a link nor a
// pipe nor a device by that name is opened.
func writeVolumeFile(volume, name string, data []byte, mode os.FileMode) (err error) {
	fail := func(err error) error { return fmt.Errorf("writing %q to volume %q: %w", name, volume, err) }
	dir, err := unix.Open(volume, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer func() { unix.Close(dir) }()
	parent, base := filepath.Split(name)
	for _, part := range strings.Split(parent, "/") {
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			return fail(unix.EINVAL)
		}
		next, err := unix.Openat(dir, part, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fail(err)
		}
		unix.Close(dir)
		dir = next
	}
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return fail(err)
	}
	temporary := ".podman-" + hex.EncodeToString(random)
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fail(err)
	}
	defer func() {
		if err != nil {
			_ = unix.Unlinkat(dir, temporary, 0)
		}
	}()
	f := os.NewFile(uintptr(fd), temporary)
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = unix.Renameat(dir, temporary, dir, base)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}
