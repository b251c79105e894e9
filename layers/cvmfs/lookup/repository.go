package lookup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// repository is one place to ask.
type repository struct {
	path string
	hold *os.File                                    // what the process that asks keeps open
	put  func(d, diffID digest.Digest) <-chan answer // puts a question; the channel is buffered

	mu     sync.Mutex
	asking *process // nil until the first question
	out    error    // set once a question has had no answer in time
	isOut  chan struct{}
}

// answer is what one repository says to one question.
type answer struct {
	layer cvmfs.Layer
	err   error
	// directory is set if err is about that directory alone and the
	// repository as such does answer.
	directory string
	// again says that another process has to be asked.
	again bool
	// ended says that the process did not answer, having ended.
	ended bool
}

func newRepository(path string) *repository {
	r := &repository{path: path, isOut: make(chan struct{})}
	r.put = r.putToProcess
	return r
}

// ask gives the repository's answer, or says that it has none in time. Once
// that has happened the repository is not asked again, and all other questions
// have that answer, too.
func (r *repository) ask(ctx context.Context, timeout time.Duration, d, diffID digest.Digest) answer {
	if err := r.hung(); err != nil {
		return answer{err: err}
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case a := <-r.put(d, diffID):
			if a.again {
				continue
			}
			// Another question's time was up, and ended the process for all.
			if err := r.hung(); a.ended && err != nil {
				return answer{err: err}
			}
			return a
		case <-ctx.Done():
			return answer{err: ctx.Err()}
		case <-r.isOut:
			return answer{err: r.hung()}
		case <-timer.C:
			r.giveUp(timeout)
			return answer{err: r.hung()}
		}
	}
}

// giveUp ends all questions, since one has had no answer in timeout.
func (r *repository) giveUp(timeout time.Duration) {
	r.mu.Lock()
	if r.out == nil {
		r.out = fmt.Errorf("repository %q: %w: no answer in %s", r.path, cvmfs.ErrUnavailable, timeout)
		close(r.isOut)
	}
	r.mu.Unlock()
	r.close()
}

func (r *repository) hung() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out
}

func (r *repository) putToProcess(d, diffID digest.Digest) <-chan answer {
	asking, err := r.start()
	if err != nil {
		failed := make(chan answer, 1)
		failed <- answer{err: err}
		return failed
	}
	return asking.put(d, diffID)
}

// start gives the process that asks the repository. One that hangs gets none.
func (r *repository) start() (*process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out != nil {
		return nil, r.out
	}
	if r.asking == nil || r.asking.ended() {
		p, err := startProcess(r.path, r.hold)
		if err != nil {
			class := cvmfs.ErrUnavailable
			if errors.Is(cvmfs.FromFS(err), cvmfs.ErrExhausted) || errors.Is(err, syscall.EAGAIN) { // the limit of processes
				class = cvmfs.ErrExhausted
			}
			return nil, fmt.Errorf("repository %q: %w: starting to ask it: %w", r.path, class, err)
		}
		r.asking = p
	}
	return r.asking, nil
}

func (r *repository) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asking != nil {
		r.asking.end()
		r.asking = nil
	}
}
