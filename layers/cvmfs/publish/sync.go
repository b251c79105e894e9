package publish

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncFS is replaced by tests.
var syncFS = func(f *os.File) error { return unix.Syncfs(int(f.Fd())) }

// syncTree brings all of a directory, and the names in it, to disk. One call
// for the file system is faster than one for each of a layer's files.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syncFS(f); err != nil {
		return fmt.Errorf("syncing %q: %w", dir, err)
	}
	return nil
}
