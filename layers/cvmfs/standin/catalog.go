package standin

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// catalogues keeps the content hashes of one revision, each computed when
// somebody asks for the first time.
type catalogues struct {
	mu    sync.Mutex
	done  map[string]*catalogue
	asked map[string]*history
}

// history is that of one catalogue over revisions, since somebody asked for
// its hash. A layer that was removed and is published again has another hash,
// from the same files too.
type history struct {
	gone  bool
	again int // how often it was published again
}

type catalogue struct {
	once sync.Once
	hash string
	err  error
}

func (c *catalogues) of(top string) *catalogue {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done[top] == nil {
		if c.done == nil {
			c.done = map[string]*catalogue{}
		}
		c.done[top] = new(catalogue)
	}
	if c.asked[top] == nil {
		if c.asked == nil {
			c.asked = map[string]*history{}
		}
		c.asked[top] = new(history)
	}
	return c.done[top]
}

// again says how often a catalogue was published again.
func (c *catalogues) again(top string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[top].again
}

// follow looks at which catalogues a new revision has. After a rollback those
// that came back are the old ones.
func (c *catalogues) follow(gone func(top string) bool, rollback bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = nil
	for top, h := range c.asked {
		was := h.gone
		if h.gone = gone(top); was && !h.gone && !rollback {
			h.again++
		}
	}
}

// catalogHash is the content hash of the catalogue at top: of a layer
// directory, or of the repository's root, which names the layers and changes
// with each revision. The client uses SHA-1 by default, so do we.
func (s *Server) catalogHash(top string) (string, error) {
	c := s.catalogues.of(top)
	c.once.Do(func() {
		h := sha1.New()
		if top == "" {
			fmt.Fprintf(h, "%s %d\n", s.opts.FQRN, s.revision.Load())
			for _, dir := range []string{cvmfs.LayersDir, cvmfs.MetadataDir} {
				if c.err = s.digestTree(h, dir); c.err != nil {
					return
				}
			}
		} else if c.err = s.digestTree(h, top); c.err != nil {
			return
		}
		if again := s.catalogues.again(top); again > 0 {
			fmt.Fprintln(h, "published again", again)
		}
		c.hash = hex.EncodeToString(h.Sum(nil))
	})
	return c.hash, c.err
}

// digestTree hashes what lstat and readlink tell of top and all beneath it, not
// file contents: the time stamps that a file system keeps, finer than those
// that are shown, stand for them. A layer is left to its own catalogue, as in
// CVMFS; what does not exist counts as nothing.
func (s *Server) digestTree(h hash.Hash, top string) error {
	if s.hidden(top) {
		return nil
	}
	var st unix.Stat_t
	if err := s.tree.lstat(top, &st); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return fmt.Errorf("reading %q: %w", top, err)
	}
	return s.digestEntry(h, top, "", &st)
}

func (s *Server) digestEntry(h hash.Hash, top, rel string, st *unix.Stat_t) error {
	name := join(top, rel)
	size := st.Size
	kind := st.Mode & unix.S_IFMT
	if kind == unix.S_IFDIR {
		size = 0 // says more of the file system than of the directory
	}
	fmt.Fprintf(h, "%q %o %d %d %d", rel, st.Mode, size, st.Mtim.Nano(), st.Rdev)
	if kind == unix.S_IFLNK {
		target, err := s.tree.readlink(name)
		if err != nil {
			return fmt.Errorf("reading symlink %q: %w", name, err)
		}
		fmt.Fprintf(h, " %q", target)
	}
	fmt.Fprintln(h)
	if kind != unix.S_IFDIR || (top != name && catalogueOf(name) == name) {
		return nil
	}
	entries, err := s.tree.readdir(name)
	if err != nil {
		return fmt.Errorf("listing %q: %w", name, err)
	}
	for _, e := range entries {
		child := join(name, e.Name())
		if s.hidden(child) {
			continue
		}
		var sub unix.Stat_t
		if err := s.tree.lstat(child, &sub); err != nil {
			return fmt.Errorf("reading %q: %w", child, err)
		}
		if err := s.digestEntry(h, top, strings.TrimPrefix(child, top+"/"), &sub); err != nil {
			return err
		}
	}
	return nil
}
