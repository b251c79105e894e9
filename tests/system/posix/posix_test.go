//go:build linux && suites

// Package posix runs go-fuse's tests of POSIX file systems in a directory that the
// environment names, on the layers of a container. Not all pass on every local file
// system, so that only a comparison says something; hence the build tag.
package posix

import (
	"os"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

func TestPosix(t *testing.T) {
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp(os.Getenv("POSIX_DIRECTORY"), name)
			if err != nil {
				t.Fatal(err)
			}
			test(t, dir)
		})
	}
}
