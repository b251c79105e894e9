package lookup

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// A limit of this process is no fault of a repository, and says nothing of a layer:
// no other repository is asked, and nobody is told that one does not answer.
func TestFindExhausted(t *testing.T) {
	f := New([]string{repo(t), repo(t)}, time.Minute)
	for i, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		f.repositories[0].put = func(_, _ digest.Digest) <-chan answer {
			ch := make(chan answer, 1)
			ch <- answer{err: fmt.Errorf("repository: %w", cvmfs.FromFS(errno))}
			return ch
		}
		asked := false
		f.repositories[1].put = func(_, _ digest.Digest) <-chan answer {
			asked = true
			return nil
		}
		warned := warnings(f)
		_, err := f.Find(context.Background(), layerA, diffA)
		if !errors.Is(err, cvmfs.ErrExhausted) || errors.Is(err, cvmfs.ErrUnavailable) || errors.Is(err, cvmfs.ErrLayerUnknown) {
			t.Errorf("%d: got %v", i, err)
		}
		if asked || len(*warned) != 0 {
			t.Errorf("%d: another repository was asked: %v; warnings %q", i, asked, *warned)
		}
	}
}
