package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
)

const (
	// readers hide the latency of a network file system.
	readers = 16
	// batch is how many names of a directory are read at a time: one of a hostile
	// tree may be endless.
	batch = 1024
	// maxFailures is after how many files that cannot be read the repository is
	// given up: each may take half a minute.
	maxFailures = 16
)

// comparison is that of one layer.
type comparison struct {
	ctx     context.Context
	layer   digest.Digest
	client  bool // a CVMFS client is in front: it expands symbolic links
	report  func(Difference)
	buffers sync.Pool
	// treeOnly leaves the publisher's record alone.
	treeOnly bool
	size     int64 // of the layer's tar

	mu       sync.Mutex
	bytes    int64 // of contents, read
	failures int
}

func (c *comparison) difference(at string, what What, repository, registry string) Difference {
	return Difference{Layer: c.layer, Path: at, What: what, Repository: repository, Registry: registry}
}

// directory compares what is in a directory, given as an open descriptor: first
// what is there and should not be, then all that should, by name.
func (c *comparison) directory(dir int, at string, want *node) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	searchable, err := c.extras(dir, at, func(name string) bool { return want.children[name] != nil })
	if err != nil {
		return err
	}
	names := make([]string, 0, len(want.children))
	for name := range want.children {
		names = append(names, name)
	}
	slices.Sort(names)
	found := make([][]Difference, len(names))
	group := errgroup.Group{}
	group.SetLimit(readers)
	for i, name := range names {
		group.Go(func() (err error) {
			found[i], err = c.entry(dir, name, path.Join(at, name), want.children[name])
			return err
		})
	}
	err = group.Wait()
	if errors.Is(err, errSearch) {
		if searchable {
			c.report(c.difference(at, Unreadable, notReadable, "directory"))
		}
		return nil
	}
	if err != nil {
		return err
	}
	for i, name := range names {
		for _, d := range found[i] {
			c.report(d)
		}
		n := want.children[name]
		if !n.isDir() || slices.ContainsFunc(found[i], func(d Difference) bool { return d.What == Missing || d.What == Type }) {
			continue
		}
		if err := c.descend(dir, name, path.Join(at, name), n); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) descend(dir int, name, at string, want *node) error {
	fd, err := beneath.Step(dir, name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("opening directory %q: %w", at, cvmfs.FromFS(err))
	}
	defer unix.Close(fd)
	return c.directory(fd, at, want)
}

// extras reports the names in a directory that known does not know. A directory
// that the account may not list is reported and false.
func (c *comparison) extras(dir int, at string, known func(string) bool) (listed bool, err error) {
	fd, err := beneath.Open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.EACCES) {
		c.report(c.difference(at, Unreadable, notReadable, "directory"))
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("listing directory %q: %w", at, cvmfs.FromFS(err))
	}
	f := os.NewFile(uintptr(fd), at)
	defer f.Close()
	for c.ctx.Err() == nil {
		names, err := f.Readdirnames(batch)
		slices.Sort(names)
		for _, name := range names {
			if known(name) {
				continue
			}
			if err := c.extra(dir, name, path.Join(at, name)); err != nil {
				return false, err
			}
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("listing directory %q: %w", at, cvmfs.FromFS(err))
		}
	}
	return false, c.ctx.Err()
}

// extra reports a name that should not be there, unless it marks a catalogue.
func (c *comparison) extra(dir int, name, at string) error {
	var st unix.Stat_t
	_, err := beneath.Retry(func() (int, error) { return 0, unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case errors.Is(err, unix.EACCES): // the names may be listed, and no more
		c.report(c.difference(at, Extra, "something", nothing))
	case err != nil:
		return fmt.Errorf("reading %q: %w", at, cvmfs.FromFS(err))
	case cvmfs.IsMarker(name) && st.Mode&unix.S_IFMT == unix.S_IFREG:
	default:
		c.report(c.difference(at, Extra, kindName(st.Mode), nothing))
	}
	return nil
}
