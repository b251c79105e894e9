// Package lookup finds layer directories: from a layer's digest to a directory
// in the first of some repositories that has it.
//
// Three answers are kept apart, because they ask for different things of a
// pull. A repository that answers and has no such layer is no news. One that
// does not answer is an outage, and an outage has many faces: an I/O error, a
// hung mount, a client that died and left an empty directory behind. A
// directory that has a layer's name but is not what it should be is refused,
// and treated as not there.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// Finder looks layers up. It is safe for concurrent use.
type Finder struct {
	// Warn, if set, is told once of each repository that is unavailable or has no
	// layers, and once of each directory that is refused. Calls do not overlap.
	Warn func(string)

	timeout      time.Duration
	repositories []*repository

	mu     sync.Mutex
	warned map[string]bool
}

// New prepares look-ups in repositories, in that order; timeout, above zero,
// ends each question to one of them. Nothing is touched yet.
func New(repositories []string, timeout time.Duration) *Finder {
	f := &Finder{timeout: timeout, warned: map[string]bool{}}
	for _, path := range repositories {
		f.repositories = append(f.repositories, newRepository(path))
	}
	return f
}

// Start gets the process ready that the first look-up asks, while its caller still
// has other things to wait for. The repository is not touched.
func (f *Finder) Start() {
	if len(f.repositories) > 0 {
		_, _ = f.repositories[0].start() // the look-up tries again, and tells
	}
}

// Close ends what look-ups have started. The Finder may be used again.
func (f *Finder) Close() {
	for _, r := range f.repositories {
		r.close()
	}
}

// Find gives the directory of layer d whose uncompressed tar is diffID.
//
// It is cvmfs.ErrLayerUnknown only if every repository has answered; the error
// then also tells of directories that were refused. It is cvmfs.ErrUnavailable,
// naming the repository, if one has not answered and no other has the layer, and
// cvmfs.ErrExhausted if one could not be asked: that is no fault of a repository. It is
// cvmfs.ErrClosed, naming what is closed, if all repositories have answered and
// permissions keep the caller from files of the layer wherever it is; Warn is not
// told, since that is for the caller to say.
func (f *Finder) Find(ctx context.Context, d, diffID digest.Digest) (cvmfs.Layer, error) {
	for _, name := range []digest.Digest{d, diffID} {
		if err := cvmfs.CheckDigest(name); err != nil {
			return cvmfs.Layer{}, fmt.Errorf("finding layer: %w", err)
		}
	}
	var out, refused, closed []error
	for _, r := range f.repositories {
		a := r.ask(ctx, f.timeout, d, diffID)
		if a.err == nil {
			return a.layer, nil
		}
		if err := ctx.Err(); err != nil {
			return cvmfs.Layer{}, fmt.Errorf("finding layer %s: %w", d, err)
		}
		if errors.Is(a.err, cvmfs.ErrExhausted) {
			return cvmfs.Layer{}, fmt.Errorf("finding layer %s: %w", d, a.err)
		}
		if errors.Is(a.err, cvmfs.ErrLayerUnknown) && !errors.Is(a.err, cvmfs.ErrNoLayers) {
			continue
		}
		if errors.Is(a.err, cvmfs.ErrClosed) {
			closed = append(closed, a.err)
			continue
		}
		if a.directory != "" {
			f.warnOnce(a.directory, a.err)
		} else {
			f.warnOnce(r.path, a.err)
		}
		if errors.Is(a.err, cvmfs.ErrUnavailable) {
			out = append(out, a.err)
		} else {
			refused = append(refused, a.err)
		}
	}
	switch {
	case len(out) > 0:
		return cvmfs.Layer{}, fmt.Errorf("finding layer %s: %w", d, errors.Join(out...))
	case len(closed) > 0:
		return cvmfs.Layer{}, fmt.Errorf("finding layer %s: %w", d, errors.Join(closed...))
	case len(refused) > 0:
		return cvmfs.Layer{}, fmt.Errorf("finding layer %s: %w: %w", d, cvmfs.ErrLayerUnknown, errors.Join(refused...))
	default:
		return cvmfs.Layer{}, fmt.Errorf("finding layer %s: %w: not in %s", d, cvmfs.ErrLayerUnknown, f.names())
	}
}

// names lists the repositories.
func (f *Finder) names() string {
	names := make([]string, len(f.repositories))
	for i, r := range f.repositories {
		names[i] = strconv.Quote(r.path)
	}
	return strings.Join(names, ", ")
}

func (f *Finder) warnOnce(about string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.warned[about] || f.Warn == nil {
		return
	}
	f.warned[about] = true
	f.Warn(err.Error())
}
