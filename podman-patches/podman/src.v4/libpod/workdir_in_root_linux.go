//go:build !remote
// +build !remote

package libpod

import (
	"os"
	"path/filepath"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// mkdirInRoot makes a directory that is beneath root, and opens it. The path has
// no links. Should somebody put one there meanwhile, it does not lead out.
func mkdirInRoot(root, path string) (*os.File, error) {
	inside, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenFile(root, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return securejoin.MkdirAllHandle(dir, inside, 0o755)
}
