package standin

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// handles are what the kernel holds open: descriptors of files in the tree and
// listings of directories. A listing is taken once, at opendir.
type handles struct {
	mu       sync.Mutex
	last     uint64
	files    map[uint64]int
	listings map[uint64][]fuse.DirEntry
}

func newHandles() *handles {
	return &handles{files: map[uint64]int{}, listings: map[uint64][]fuse.DirEntry{}}
}

func (h *handles) addFile(fd int) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.files[h.last] = fd
	return h.last
}

func (h *handles) addListing(entries []fuse.DirEntry) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.listings[h.last] = entries
	return h.last
}

func (h *handles) file(fh uint64) (int, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fd, ok := h.files[fh]
	return fd, ok
}

func (h *handles) listing(fh uint64) []fuse.DirEntry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listings[fh]
}

func (h *handles) close(fh uint64) {
	h.mu.Lock()
	fd, isFile := h.files[fh]
	delete(h.files, fh)
	delete(h.listings, fh)
	h.mu.Unlock()
	if isFile {
		_ = unix.Close(fd) // read only: nothing can be lost
	}
}

// Open opens a file with the server's own rights: the kernel has checked the
// caller's against what was shown. Devices never come here, the mount is nodev.
func (s *Server) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, status := s.enter(opOpen, in.NodeId, cancel)
	if !status.Ok() {
		return status
	}
	if removed, _ := s.nodes.fate(n); !removed.IsZero() {
		return s.gone(removed)
	}
	fd, err := s.tree.open(n.path, 0)
	if err != nil {
		return fuse.ToStatus(err)
	}
	out.Fh = s.handles.addFile(fd)
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

// Read reads from an open file; one that a revision removed fails at once.
func (s *Server) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, status := s.enter(opRead, in.NodeId, cancel)
	if !status.Ok() {
		return nil, status
	}
	if removed, _ := s.nodes.fate(n); !removed.IsZero() {
		return nil, s.gone(removed)
	}
	fd, ok := s.handles.file(in.Fh)
	if !ok {
		return nil, fuse.EBADF
	}
	done := 0
	for done < len(buf) { // the kernel takes a short answer for the end of the file
		got, err := unix.Pread(fd, buf[done:], int64(in.Offset)+int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fuse.ToStatus(err)
		}
		if got == 0 {
			break
		}
		done += got
	}
	s.counters.addBytes(done, n.layer)
	return fuse.ReadResultData(buf[:done]), fuse.OK
}

// Release closes a file.
func (s *Server) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { s.handles.close(in.Fh) }

// OpenDir takes the listing. A removed directory still opens, and is empty.
func (s *Server) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, status := s.enter(opOpendir, in.NodeId, cancel)
	if !status.Ok() {
		return status
	}
	if removed, _ := s.nodes.fate(n); !removed.IsZero() {
		if s.stale(removed) {
			return fuse.Status(unix.ESTALE)
		}
		out.Fh = s.handles.addListing(nil)
		return fuse.OK
	}
	entries, err := s.tree.readdir(n.path)
	if err != nil {
		return fuse.ToStatus(err)
	}
	listing := []fuse.DirEntry{
		{Name: ".", Mode: unix.S_IFDIR, Ino: s.inodeOf(n.path)},
		{Name: "..", Mode: unix.S_IFDIR, Ino: s.inodeOf(parent(n.path))},
	}
	for _, e := range entries {
		if path := join(n.path, e.Name()); !s.hidden(path) {
			listing = append(listing, fuse.DirEntry{Name: e.Name(), Mode: typeBits(e.Type()), Ino: s.inodeOf(path)})
		}
	}
	out.Fh = s.handles.addListing(listing)
	return fuse.OK
}

// ReadDir gives a part of the listing, or nothing, and no error, where the
// directory has been removed.
func (s *Server) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	n, status := s.enter(opReaddir, in.NodeId, cancel)
	if !status.Ok() {
		return status
	}
	if removed, _ := s.nodes.fate(n); !removed.IsZero() {
		if s.stale(removed) {
			return fuse.Status(unix.ESTALE)
		}
		return fuse.OK
	}
	listing := s.handles.listing(in.Fh)
	for i := min(in.Offset, uint64(len(listing))); i < uint64(len(listing)); i++ {
		if !out.AddDirEntry(listing[i]) {
			break
		}
	}
	return fuse.OK
}

// ReleaseDir drops the listing.
func (s *Server) ReleaseDir(in *fuse.ReleaseIn) { s.handles.close(in.Fh) }

// Ioctl knows none: ENOSYS would make copy-up fail on some kernels (Linux 5.15).
func (s *Server) Ioctl(<-chan struct{}, *fuse.IoctlIn, []byte, *fuse.IoctlOut, []byte) fuse.Status {
	return fuse.Status(unix.ENOTTY)
}

// Flush is one of the calls that the client does not have.
func (s *Server) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }
