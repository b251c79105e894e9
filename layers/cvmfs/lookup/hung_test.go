package lookup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// silent is a directory whose look-ups are answered when the test is over.
type silent struct {
	fs.Inode
	over chan struct{}
}

func (s *silent) Lookup(context.Context, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	<-s.over
	return nil, syscall.EIO
}

// mountSilent mounts a repository whose client has stopped answering.
func mountSilent(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root := &silent{over: make(chan struct{})}
	_, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "silent"}})
	if err != nil {
		t.Fatalf("this test needs root and /dev/fuse, to mount: %v", err)
	}
	t.Cleanup(func() { // its server may go on: another mount namespace that was made meanwhile has the mount, too
		close(root.over)
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %q: %v", dir, err)
		}
	})
	return dir
}

func TestFindHungRepository(t *testing.T) {
	hung, good := mountSilent(t), repo(t)
	const timeout = 3 * time.Second
	f := New([]string{hung, good}, timeout)
	warned := warnings(f)
	for i, limit := range []time.Duration{20 * timeout, timeout / 2} { // the second time it is not asked
		start := time.Now()
		_, err := f.Find(context.Background(), layerA, diffA)
		if !errors.Is(err, cvmfs.ErrUnavailable) || !strings.Contains(err.Error(), hung) {
			t.Fatalf("got %v, want %q unavailable", err, hung)
		}
		if took := time.Since(start); took > limit {
			t.Errorf("question %d took %s", i+1, took)
		}
	}
	layerfs := publish(t, good, "")
	if got, err := f.Find(context.Background(), layerA, diffA); err != nil || got.Path != layerfs {
		t.Errorf("got %+v, %v, want the layer of the other repository", got, err)
	}
	if len(*warned) != 1 || !strings.Contains((*warned)[0], hung) || !strings.Contains((*warned)[0], timeout.String()) {
		t.Errorf("want one warning that names %q and the time, got %q", hung, *warned)
	}
}

// The error is the same for all who waited when one question's time was up, which
// ends the process that they all ask.
func TestAskHungSameForAll(t *testing.T) {
	r := newRepository(mountSilent(t))
	defer r.close()
	const timeout = 2 * time.Second
	errs := make([]string, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			limit := time.Minute
			if i == 0 {
				limit = timeout
			}
			errs[i] = fmt.Sprint(r.ask(context.Background(), limit, layerA, diffA).err)
		}()
	}
	wg.Wait()
	for i, err := range errs {
		if err != errs[0] || !strings.Contains(err, "no answer in "+timeout.String()) {
			t.Errorf("question %d: got %s", i+1, err)
		}
	}
	if r.asking != nil {
		t.Error("a repository that hangs is asked by a new process")
	}
}
