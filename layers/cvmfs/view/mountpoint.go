//go:build linux

package view

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// placePrefix begins the names of the directories that hold one mount point each.
	placePrefix = "view-"
	// pointName is the mount point's name in such a directory.
	pointName = "lower"
	// makeAttempts bounds how often a mount point is made again that was removed
	// meanwhile. Each attempt fails only because another process got further.
	makeAttempts = 1000
)

// Mountpoint is a directory to mount one view on. Many processes make and remove
// mount points below one directory at a time, and some are killed. So each is in a
// directory of its own, which its maker holds locked (flock(2)) for as long as it
// uses it. Only the holder of that lock unmounts and removes what is in there: the
// maker, or, when the maker has died, the next process that makes a mount point.
type Mountpoint struct {
	// Dir is where to mount.
	Dir string
	// Server is the process that serves what is mounted; 0 where nothing is.
	Server int

	place   string
	lock    *os.File // nil where the file system has no locks: then nobody sweeps it away
	mounted bool
}

// MakeMountpoint makes a mount point below base, and sweeps away what killed
// processes left there. Release removes it again, and base with the last one.
func MakeMountpoint(base string) (*Mountpoint, error) {
	for range makeAttempts {
		if err := os.MkdirAll(base, 0o700); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("making a view's mount point: %w", err)
		}
		place, err := os.MkdirTemp(base, placePrefix)
		if errors.Is(err, os.ErrNotExist) {
			continue // another process has removed base with its last mount point
		}
		if err != nil {
			return nil, fmt.Errorf("making a view's mount point: %w", err)
		}
		m := &Mountpoint{Dir: filepath.Join(place, pointName), place: place}
		if m.lock, err = lockPlace(place, 0); errors.Is(err, os.ErrNotExist) {
			continue // another process has swept it away before it was locked
		}
		if err := os.Mkdir(m.Dir, 0o700); err != nil {
			_ = m.Release()
			return nil, fmt.Errorf("making a view's mount point: %w", err)
		}
		sweep(base, place)
		return m, nil
	}
	return nil, fmt.Errorf("making a view's mount point in %q: other processes have removed it %d times", base, makeAttempts)
}

// lockPlace locks a directory that holds a mount point. The error is
// os.ErrNotExist if it is gone by the time it is locked, and unix.EWOULDBLOCK if
// how is unix.LOCK_NB and another process has the lock.
func lockPlace(place string, how int) (*os.File, error) {
	f, err := os.OpenFile(place, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|how); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	var locked, named unix.Stat_t
	if err == nil {
		err = errors.Join(unix.Fstat(int(f.Fd()), &locked), unix.Lstat(place, &named))
	}
	if err == nil && (locked.Dev != named.Dev || locked.Ino != named.Ino) {
		err = os.ErrNotExist // of the same name, made after ours was removed
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes what killed processes left below base.
func sweep(base, mine string) {
	left, err := os.ReadDir(base)
	if err != nil {
		return // base went with its last mount point, or the next one sweeps
	}
	for _, entry := range left {
		place := filepath.Join(base, entry.Name())
		if place == mine || !strings.HasPrefix(entry.Name(), placePrefix) {
			continue
		}
		lock, err := lockPlace(place, unix.LOCK_NB)
		if err != nil {
			continue // in use, or gone
		}
		dir := filepath.Join(place, pointName)
		_ = unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		_ = os.Remove(dir)
		_ = os.Remove(place)
		lock.Close()
	}
}

// Release takes what is mounted out of sight, and the mount point away. An overlay
// that stacks the view keeps it alive.
func (m *Mountpoint) Release() error {
	if m.place == "" {
		return nil
	}
	var err error
	if m.mounted {
		if err = unix.Unmount(m.Dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			err = fmt.Errorf("unmounting the view on %q: %w", m.Dir, err)
		}
	}
	if err2 := os.Remove(m.Dir); err2 != nil && !errors.Is(err2, os.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("removing a view's mount point: %w", err2))
	}
	if err2 := os.Remove(m.place); err2 != nil {
		err = errors.Join(err, fmt.Errorf("removing a view's mount point: %w", err2))
	}
	_ = os.Remove(filepath.Dir(m.place)) // unless others are in it
	m.place, m.mounted = "", false
	if m.lock != nil {
		m.lock.Close()
	}
	return err
}
