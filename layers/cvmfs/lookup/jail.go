//go:build linux

package lookup

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/confine"
)

// jail confines the process that asks a repository to that repository, before it
// is asked for anything: its client does nothing for a root that is opened by path.
type jail struct {
	root string

	mu      sync.Mutex
	entered bool
	device  [2]uint32 // of the repository as it was mounted then
}

// enter confines the process, once. A repository that is not there cannot be
// confined to: that is the answer then, and the next question tries again.
func (j *jail) enter() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.entered {
		return nil
	}
	repo, device, err := j.look()
	if err != nil {
		return fmt.Errorf("repository %q: %w", j.root, err)
	}
	defer unix.Close(repo)
	err = confine.Apply(confine.Rules{Trees: []int{repo}, Capabilities: []int{unix.CAP_DAC_READ_SEARCH}})
	// A program linked with C is here only where the views' server is not installed.
	if err != nil && !errors.Is(err, confine.ErrThreads) {
		return fmt.Errorf("repository %q: %w: confining the process that asks it: %w", j.root, cvmfs.ErrUnavailable, err)
	}
	j.entered, j.device = true, device
	return nil
}

// elsewhere says that a refusal comes from the jail: what is mounted there now is
// another file system, which only another process can read.
func (j *jail) elsewhere(err error) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.entered || !errors.Is(err, unix.EACCES) {
		return false
	}
	repo, device, err := j.look()
	if err != nil {
		return false
	}
	unix.Close(repo)
	return device != j.device
}

func (j *jail) look() (repo int, device [2]uint32, err error) {
	repo, err = beneath.Root(j.root, unix.O_PATH)
	if err != nil {
		return -1, device, err
	}
	if device, err = beneath.Device(repo); err != nil {
		unix.Close(repo)
		return -1, device, cvmfs.FromFS(err)
	}
	return repo, device, nil
}
