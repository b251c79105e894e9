package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	stagePrefix = ".publish-"
	stageLock   = "lock"
)

// stage is a directory beside the layers, where one run unpacks before it
// renames. Its lock file is locked while the run's process lives; one outside
// of the tree has none, since no other run looks at it.
type stage struct {
	path string
	lock *os.File
}

// newStage makes a staging directory in the layers' parent.
func newStage(layers string) (*stage, error) {
	for {
		path, err := os.MkdirTemp(layers, stagePrefix+"*")
		if err != nil {
			return nil, err
		}
		// Another run may sweep it before it is locked.
		lock, err := lockStage(path, unix.LOCK_EX)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, removeTree(path))
		}
		if _, err := os.Lstat(lock.Name()); err == nil {
			return &stage{path: path, lock: lock}, nil
		}
		lock.Close()
	}
}

func (s *stage) remove() error {
	if s.lock != nil {
		defer s.lock.Close() // the lock last
	}
	return removeTree(s.path)
}

// lockStage locks a staging directory's lock file, made if it is missing.
func lockStage(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, stageLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %q: %w", f.Name(), err)
	}
	return f, nil
}

// sweep deletes the staging directories of runs that were killed.
func sweep(layers string) error {
	found, err := os.ReadDir(layers)
	if err != nil {
		return err
	}
	for _, entry := range found {
		if !strings.HasPrefix(entry.Name(), stagePrefix) {
			continue
		}
		path := filepath.Join(layers, entry.Name())
		lock, err := lockStage(path, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue // alive, or just gone
		}
		if err != nil {
			return err
		}
		err = removeTree(path)
		lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// lockTree makes one run at a time change what images share. The lock is on a
// directory, so that nothing of it is published; where the file system has no
// such locks (NFS), two runs at the same moment may lose an origin.
func lockTree(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	if err != nil && !errors.Is(err, unix.EBADF) && !errors.Is(err, unix.ENOLCK) && !errors.Is(err, unix.EOPNOTSUPP) {
		f.Close()
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// removeTree is os.RemoveAll for a tree of our own whose directories may deny
// their owner what deleting needs.
func removeTree(path string) error {
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(path))
}
