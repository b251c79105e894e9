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
}

func newRepository(path string) *repository {
	r := &repository{path: path}
	r.put = r.putToProcess
	return r
}

// ask gives the repository's answer, or says that it has none in time. Once
// that has happened the repository is not asked again.
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
			return a
		case <-ctx.Done():
			return answer{err: ctx.Err()}
		case <-timer.C:
			r.mu.Lock()
			r.out = fmt.Errorf("repository %q: %w: no answer in %s", r.path, cvmfs.ErrUnavailable, timeout)
			r.mu.Unlock()
			r.close()
			return answer{err: r.hung()}
		}
	}
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
		class := cvmfs.ErrUnavailable
		if errors.Is(cvmfs.FromFS(err), cvmfs.ErrExhausted) || errors.Is(err, syscall.EAGAIN) { // the limit of processes
			class = cvmfs.ErrExhausted
		}
		failed <- answer{err: fmt.Errorf("repository %q: %w: starting to ask it: %w", r.path, class, err)}
		return failed
	}
	return asking.put(d, diffID)
}

// start gives the process that asks the repository.
func (r *repository) start() (*process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asking == nil || r.asking.ended() {
		p, err := startProcess(r.path, r.hold)
		if err != nil {
			return nil, err
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
