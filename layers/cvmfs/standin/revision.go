package standin

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// errHung keeps revisions from waiting for requests that nobody answers.
var errHung = errors.New("requests hang; unhang first")

// hidden reports whether remove took name away.
func (s *Server) hidden(name string) bool {
	s.hiding.RLock()
	defer s.hiding.RUnlock()
	for top := range s.hides {
		if beneath(name, top) {
			return true
		}
	}
	return false
}

// publish shows the tree's present state as the next revision. top is what
// changed, "" for anything. rollback says that what comes back is what was
// there before, and not published again.
func (s *Server) publish(top string, rollback bool) {
	s.revision.Add(1)
	s.catalogues.follow(s.absent, rollback)
	s.nodes.mark(time.Now(), s.vanished, rollback)
	s.drop(s.nodes.beneath(top))
}

// absent reports whether the present revision has nothing of that name.
func (s *Server) absent(name string) bool {
	var st unix.Stat_t
	err := s.tree.lstat(name, &st)
	return s.hidden(name) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}

// vanished reports whether the present revision has nothing like n in its
// place. A file with other contents is still a file: who has it open reads on.
func (s *Server) vanished(n *node) bool {
	if s.absent(n.path) {
		return true
	}
	var st unix.Stat_t
	err := s.tree.lstat(n.path, &st)
	return err == nil && likenessOf(&st).mode != n.is.mode
}

// drop makes the kernel ask again. What it does not know, or no longer, is no
// error. No lock may be held: the kernel may first wait for our answers.
func (s *Server) drop(inodes []uint64, names []name) {
	for _, id := range inodes {
		_ = s.fuse.InodeNotify(id, 0, 0)
	}
	for _, n := range names {
		_ = s.fuse.EntryNotify(n.dir, n.base)
	}
}

// NextRevision publishes what the tree holds now.
func (s *Server) NextRevision() (uint64, error) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if s.faults.hanging() {
		return 0, errHung
	}
	s.publish("", false)
	return s.revision.Load(), nil
}

// Remove publishes a revision without the named file or directory.
func (s *Server) Remove(name string) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if err := s.changeable(name); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := s.tree.lstat(name, &st); err != nil {
		return fmt.Errorf("removing %q: %w", name, err)
	}
	if s.hidden(name) {
		return fmt.Errorf("removing %q: %w", name, unix.ENOENT)
	}
	s.hiding.Lock()
	s.hides[name] = struct{}{}
	s.hiding.Unlock()
	s.publish(name, false)
	return nil
}

// Restore publishes again what Remove took away: the same files, under another
// catalogue hash. What was held of it stays gone.
func (s *Server) Restore(name string) error { return s.back(name, false) }

// Rollback goes back to a revision that had what Remove took away: the hash is
// the old one, and what was held of it answers again.
func (s *Server) Rollback(name string) error { return s.back(name, true) }

func (s *Server) back(name string, rollback bool) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if err := s.changeable(name); err != nil {
		return err
	}
	s.hiding.Lock()
	_, was := s.hides[name]
	delete(s.hides, name)
	s.hiding.Unlock()
	if !was {
		return fmt.Errorf("restoring %q: not removed", name)
	}
	s.publish(name, rollback)
	return nil
}

func (s *Server) changeable(name string) error {
	if !filepath.IsLocal(name) || filepath.Clean(name) != name || name == "." {
		return fmt.Errorf("path %q is not a clean path below the tree", name)
	}
	if s.faults.hanging() {
		return errHung
	}
	return nil
}

// DropCaches makes the kernel ask again, without a new revision.
func (s *Server) DropCaches() error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if s.faults.hanging() {
		return errHung
	}
	s.drop(s.nodes.beneath(""))
	return nil
}
