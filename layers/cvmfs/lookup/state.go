package lookup

import (
	"context"
	"fmt"
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
	// Err is nil if layers can be looked up. It is cvmfs.ErrNoLayers if the repository
	// answers and has none, and else cvmfs.ErrUnavailable.
	Err error
}

// States asks repositories how they are, all at once, and gives their states in
// the same order. timeout, above zero, ends each question.
//
// Whoever watches a node asks again and again, and a repository that hangs
// keeps each process that asks. locks, if not "", is a directory that only this
// account writes to: a question that has no answer yet holds a lock there, and
// is not put twice.
func States(ctx context.Context, repositories []string, timeout time.Duration, locks string) []State {
	states := make([]State, len(repositories))
	var wg sync.WaitGroup
	for i, path := range repositories {
		wg.Add(1)
		go func() {
			defer wg.Done()
			states[i] = state(ctx, path, timeout, locks)
		}()
	}
	wg.Wait()
	return states
}

func state(ctx context.Context, path string, timeout time.Duration, locks string) State {
	r := newRepository(path)
	defer r.close()
	if locks != "" {
		lock, err := takeLock(ctx, locks, path, timeout)
		if err != nil {
			return State{Path: path, Err: fmt.Errorf("repository %q: %w: %w", path, cvmfs.ErrUnavailable, err)}
		}
		defer lock.Close()
		r.hold = lock
	}
	a := r.ask(ctx, timeout, "", "")
	return State{Path: path, Identity: a.layer.Identity, Err: a.err}
}
