package lockfile

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A reader that checks that it holds the lock does not race with another that
// takes it. The race detector tells.
func TestAssertLockedBesideReaders(t *testing.T) {
	lock, err := GetLockFile(filepath.Join(t.TempDir(), "lock"))
	require.NoError(t, err)
	var readers sync.WaitGroup
	for i := 0; i < 8; i++ {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for j := 0; j < 100; j++ {
				lock.RLock()
				lock.AssertLocked()
				lock.Unlock()
			}
		}()
	}
	readers.Wait()
}
