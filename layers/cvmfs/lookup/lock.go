//go:build linux

package lookup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// lockPoll is how often a lock that is taken is tried again.
const lockPoll = 50 * time.Millisecond

// takeLock locks, in the directory dir, what stands for the repository at path.
// The lock is free again when all processes have closed the file, so also one
// that inherited it and hangs.
func takeLock(ctx context.Context, dir, path string, timeout time.Duration) (*os.File, error) {
	name := filepath.Join(dir, "cvmfs-"+digest.FromString(path).Encoded()+".lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return file, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			file.Close()
			return nil, fmt.Errorf("locking %q: %w", name, err)
		case time.Now().After(deadline):
			file.Close()
			return nil, fmt.Errorf("an earlier question has no answer yet, also not in %s", timeout)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}
