package lookup

import (
	"context"
	"sync"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// State is how a repository answers.
type State struct {
	Path string
	// Identity is what its client shows, without a CatalogHash; the zero value
	// if the repository does not answer, or is no CVMFS client's.
	cvmfs.Identity
	// Err is nil if layers can be looked up, and else cvmfs.ErrUnavailable.
	Err error
}

// States asks repositories how they are, all at once, and gives their states in
// the same order. timeout, above zero, ends each question.
func States(ctx context.Context, repositories []string, timeout time.Duration) []State {
	states := make([]State, len(repositories))
	var wg sync.WaitGroup
	for i, path := range repositories {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := newRepository(path)
			defer r.close()
			a := r.ask(ctx, timeout, "", "")
			states[i] = State{Path: path, Identity: a.layer.Identity, Err: a.err}
		}()
	}
	wg.Wait()
	return states
}
