package standin

import (
	"sync"
	"sync/atomic"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Server is one mount. All requests that it does not answer itself are answered
// as by a read-only file system that lacks them.
type Server struct {
	fuse.RawFileSystem
	opts Options
	tree tree

	nodes    *nodes
	handles  *handles
	counters counters
	faults   *faults

	revision   atomic.Uint64
	catalogues catalogues
	publishing sync.Mutex // one revision at a time
	hiding     sync.RWMutex
	hides      map[string]struct{} // what remove took away, by path

	fuse       *fuse.Server
	device     int // a second descriptor of /dev/fuse: tells whether the mount lives
	mountpoint string
	number     string // of the mount's device, major:minor, as in mountinfo
}

func newServer(dir string, opts Options) (*Server, error) {
	t, err := openTree(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		opts:          opts,
		tree:          t,
		nodes:         newNodes(&node{is: likeness{mode: unix.S_IFDIR}}),
		handles:       newHandles(),
		faults:        newFaults(),
		hides:         map[string]struct{}{},
		device:        -1,
	}
	s.counters.layer = map[digest.Digest]*tally{}
	s.revision.Store(opts.Revision)
	return s, nil
}

func (s *Server) String() string { return "cvmfs2" }

// enter is where each request passes: it is counted, and what the fault
// switches have for it happens to it.
func (s *Server) enter(op operation, id uint64, cancel <-chan struct{}) (*node, fuse.Status) {
	n := s.nodes.get(id)
	if n == nil {
		return nil, fuse.Status(unix.ESTALE)
	}
	s.counters.add(op, n.layer)
	if errno := s.faults.wait(op, n.path, cancel, s.dead); errno != 0 {
		return nil, fuse.Status(errno)
	}
	return n, fuse.OK
}

// dead reports whether the kernel has given the mount up.
func (s *Server) dead() bool {
	poll := []unix.PollFd{{Fd: int32(s.device)}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0 && poll[0].Revents&unix.POLLERR != 0
}
