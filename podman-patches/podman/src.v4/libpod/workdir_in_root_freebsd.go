//go:build !remote
// +build !remote

package libpod

import "os"

// mkdirInRoot makes a directory, and opens it.
func mkdirInRoot(_, path string) (*os.File, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	return os.Open(path)
}
