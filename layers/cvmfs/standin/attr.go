package standin

import (
	"errors"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// present turns what the tree says of name into what the client shows: one
// owner, whole seconds, one link to each file.
func (s *Server) present(name string, st *unix.Stat_t) (fuse.Attr, error) {
	seconds := uint64(st.Mtim.Sec) // the kernel takes it for signed again
	attr := fuse.Attr{
		Ino:     s.inodeOf(name),
		Size:    uint64(st.Size),
		Blocks:  uint64(st.Size+511) / 512,
		Atime:   seconds,
		Mtime:   seconds,
		Ctime:   seconds,
		Mode:    st.Mode,
		Nlink:   1,
		Owner:   fuse.Owner{Uid: s.opts.UID, Gid: s.opts.GID},
		Rdev:    uint32(st.Rdev),
		Blksize: 4096,
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		attr.Nlink = uint32(st.Nlink)
		if s.opts.WorldReadable {
			attr.Mode |= 0o555
		}
	case unix.S_IFLNK:
		target, err := s.target(name)
		if err != nil {
			return fuse.Attr{}, err
		}
		attr.Size = uint64(len(target)) // of the expanded target: what readlink gives
	default:
		if s.opts.WorldReadable {
			attr.Mode |= 0o444
		}
	}
	return attr, nil
}

func (s *Server) target(name string) (string, error) {
	raw, err := s.tree.readlink(name)
	if err != nil {
		return "", err
	}
	return expand(raw, s.opts.LookupEnv), nil
}

// Lookup answers for a name in a directory.
func (s *Server) Lookup(cancel <-chan struct{}, header *fuse.InHeader, base string, out *fuse.EntryOut) fuse.Status {
	dir, status := s.enter(opLookup, header.NodeId, cancel)
	if !status.Ok() {
		return status
	}
	if removed, _ := s.nodes.fate(dir); !removed.IsZero() {
		return s.gone(removed)
	}
	path := join(dir.path, base)
	if s.hidden(path) {
		return fuse.ENOENT // and nothing that the kernel could keep
	}
	var st unix.Stat_t
	err := s.tree.lstat(path, &st)
	if errors.Is(err, unix.ENOENT) {
		if dir.path == "" {
			return fuse.ENOENT
		}
		// Node 0: a name that may be remembered as missing. A new revision
		// makes the kernel drop it with its directory, hence not in the root.
		out.SetEntryTimeout(s.opts.KernelTimeout)
		return fuse.OK
	}
	if err != nil {
		return fuse.ToStatus(err)
	}
	attr, err := s.present(path, &st)
	if err != nil {
		return fuse.ToStatus(err)
	}
	n := s.nodes.found(path, &st, attr, s.counters.forPath)
	out.NodeId = n.id
	out.Attr = attr
	out.SetEntryTimeout(s.opts.KernelTimeout)
	out.SetAttrTimeout(s.opts.KernelTimeout)
	return fuse.OK
}

// Forget drops a node that the kernel no longer holds.
func (s *Server) Forget(id, lookups uint64) { s.nodes.forget(id, lookups) }

// GetAttr answers for a node. What a revision removed keeps its attributes
// until it is stale.
func (s *Server) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, status := s.enter(opGetattr, in.NodeId, cancel)
	if !status.Ok() {
		return status
	}
	removed, shown := s.nodes.fate(n)
	if !removed.IsZero() {
		if s.stale(removed) {
			return fuse.Status(unix.ESTALE)
		}
		out.Attr = shown // for no time: the kernel asks at each step, and so sees it turn stale
		return fuse.OK
	}
	var st unix.Stat_t
	if err := s.tree.lstat(n.path, &st); err != nil {
		return fuse.ToStatus(err)
	}
	if likenessOf(&st) != n.is {
		out.Attr = shown // replaced: who still holds the old one goes on with it
		return fuse.OK
	}
	attr, err := s.present(n.path, &st)
	if err != nil {
		return fuse.ToStatus(err)
	}
	s.nodes.show(n, attr)
	out.Attr = attr
	out.SetTimeout(s.opts.KernelTimeout)
	return fuse.OK
}

// Readlink gives the expanded target.
func (s *Server) Readlink(cancel <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	n, status := s.enter(opReadlink, header.NodeId, cancel)
	if !status.Ok() {
		return nil, status
	}
	if removed, _ := s.nodes.fate(n); !removed.IsZero() {
		return nil, s.gone(removed)
	}
	target, err := s.target(n.path)
	return []byte(target), fuse.ToStatus(err)
}

// StatFs reports a name length of 0, as the client does.
func (s *Server) StatFs(cancel <-chan struct{}, header *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if _, status := s.enter(opStatfs, header.NodeId, cancel); !status.Ok() {
		return status
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(s.tree.root, &st); err != nil {
		return fuse.ToStatus(err)
	}
	out.Blocks, out.Files = st.Blocks, st.Files
	out.Bsize, out.Frsize = uint32(st.Bsize), uint32(st.Frsize)
	out.NameLen = 0
	return fuse.OK
}

// stale says whether what was removed has had its time of looking empty.
func (s *Server) stale(removed time.Time) bool { return time.Since(removed) >= s.opts.StaleDelay }

// gone is what a request on something removed gets.
func (s *Server) gone(removed time.Time) fuse.Status {
	if s.stale(removed) {
		return fuse.Status(unix.ESTALE)
	}
	return fuse.ENOENT
}
