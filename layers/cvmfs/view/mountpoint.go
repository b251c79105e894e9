//go:build linux

package view

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Mountpoint makes a directory below base to mount a view on, named after this
// process, and sweeps away what killed ones left there.
func Mountpoint(base string) (string, error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("making a view's mount point: %w", err)
	}
	left, err := os.ReadDir(base)
	if err != nil {
		return "", fmt.Errorf("making a view's mount point: %w", err)
	}
	for _, entry := range left {
		var pid int
		if _, err := fmt.Sscanf(entry.Name(), "%d.", &pid); err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			continue
		}
		dir := filepath.Join(base, entry.Name())
		_ = unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		_ = os.Remove(dir)
	}
	dir, err := os.MkdirTemp(base, strconv.Itoa(os.Getpid())+".")
	if err != nil {
		return "", fmt.Errorf("making a view's mount point: %w", err)
	}
	return dir, nil
}
