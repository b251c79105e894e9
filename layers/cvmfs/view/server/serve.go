package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/confine"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

const (
	// spareFDs are left for connections and directories while they are listed.
	spareFDs = 64
	// wantFDs is how many descriptors are enough to keep.
	wantFDs = 1024
	// maxProcs bounds the threads that run Go code at a time: on a node of
	// hundreds of cores each would keep caches of its own. Threads that wait
	// for the repository do not count.
	maxProcs = 8
	// gcPercent is GOGC. The heap is many small nodes; a walk must not double it
	// for long.
	gcPercent = 50
	// begin is for how long from its start a process collects no memory, unless it
	// has beginMemory bytes of it: it is busiest then, and podman with it.
	begin       = time.Second
	beginMemory = 32 << 20
)

// Serve reads a spec.Spec from in, answers on out when the view can be stacked
// or says why not, and serves the FUSE connection fd until the kernel drops
// the mount.
func Serve(fd int, in io.Reader, out io.Writer) error {
	v, err := open(fd, json.NewDecoder(in))
	if err == nil {
		err = v.serve(fd, out)
	}
	return answer(out, err)
}

// Await reads a spec.Spec from in, opens its layers, and answers on out as Serve
// does. If fd is a FUSE connection, it then lists what a start looks into, and if a
// second spec of the same layers follows, with nothing below, it goes on as Serve
// does, with these layers; if in ends, so does it.
func Await(fd int, in io.Reader, out io.Writer) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	serves := err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR
	if err == nil && !serves {
		unix.Close(fd) // the caller's caller's, who would wait for us
	}
	specs := json.NewDecoder(in)
	v, err := open(fd, specs)
	if err != nil {
		return answer(out, err)
	}
	if _, err := io.WriteString(out, spec.Ready); err != nil {
		return fmt.Errorf("reporting the layers as there: %w", err)
	}
	if serves {
		go v.listAhead()
	}
	s, err := read(specs)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = v.show(s)
	}
	if err == nil {
		err = v.compare()
	}
	if err == nil {
		err = v.serve(fd, out)
	}
	return answer(out, err)
}

// compare compares the layers with their records again, if they have not been
// opened just now.
func (v *View) compare() error {
	_, err := sideBySide(len(v.layers), func(i int) error { return v.layers[i].verifyFile() })
	return err
}

// answer says on out why there will be no view. An error after the view has begun
// reaches nobody.
func answer(out io.Writer, err error) error {
	if err != nil {
		_ = json.NewEncoder(out).Encode(helper.NewError(err))
	}
	return err
}

// prepared is a view in a process that is confined.
type prepared struct {
	*View
	null *os.File
}

// open reads a spec and opens its layers. What can be reached after that is theirs.
func open(fd int, specs *json.Decoder) (*prepared, error) {
	collectLater()
	runtime.GOMAXPROCS(min(runtime.NumCPU(), maxProcs))
	confine.CloseInherited(fd)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0) // which cannot be opened once confined
	if err != nil {
		return nil, err
	}
	s, err := read(specs)
	if err != nil {
		return nil, err
	}
	limit := fdLimit() - len(s.Layers) - len(s.Below) - spareFDs
	nobody, err := userns.Maps(overflowID)
	if err != nil {
		return nil, err
	}
	if err := confineTo(s.Layers); err != nil {
		return nil, err
	}
	startThreads()
	v, err := New(s, limit)
	if err != nil {
		return nil, err
	}
	v.nobody = nobody
	return &prepared{v, null}, nil
}

// serve serves the view.
func (p *prepared) serve(fd int, out io.Writer) error {
	v := p.View
	server, err := fuse.NewServer(newBounded(v, fd), "/dev/fd/"+strconv.Itoa(fd), &fuse.MountOptions{
		MaxWrite:                 spec.MaxRead,
		MaxBackground:            64,
		EnableSymlinkCaching:     true,
		ExplicitDataCacheControl: true,
		ExtraCapabilities:        capNoOpendirSupport,
		DisableSplice:            true, // go-fuse would fill a pipe for each read, to find that there is no file to splice from
		// Not 1, go-fuse's default: the kernel stacks two file systems at most, and a container's overlay on the view may be
		// stacked again, by a volume that is an image. A depth that is out of bounds turns what needs it, passthrough, off.
		MaxStackDepth: -1,
		EnableAcl:     v.Xattrs, // else the kernel answers questions for these itself: not supported
	})
	if err != nil {
		return fmt.Errorf("taking over the FUSE connection: %w", err)
	}
	if _, err := io.WriteString(out, spec.Ready); err != nil {
		return fmt.Errorf("reporting the view as ready: %w", err)
	}
	if err := detach(p.null); err != nil {
		return err
	}
	// It ends with its mount. Until then a container may read from it, also one
	// that is being stopped together with everything else of a session, a job or
	// the machine, and does its last work then.
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go v.listAhead()
	server.Serve()
	return nil
}

// collectLater keeps memory from being collected at first, and then does it.
func collectLater() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(beginMemory)
	time.AfterFunc(begin, func() {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(math.MaxInt64)
		debug.FreeOSMemory()
	})
}

// fdLimit raises the limit of open descriptors as far as it is of use, and gives it.
func fdLimit() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 2 * spareFDs
	}
	if want := min(wantFDs, lim.Max); lim.Cur < want {
		raised := unix.Rlimit{Cur: want, Max: lim.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			lim = raised
		}
	}
	return int(min(lim.Cur, wantFDs))
}

func read(specs *json.Decoder) (s spec.Spec, err error) {
	if err := specs.Decode(&s); err != nil {
		return s, fmt.Errorf("reading the view's spec: %w", err)
	}
	return s, nil
}

// detach lets go of the caller's standard files, so that nobody waits for us.
// Terminal, session and working directory are not the caller's from the start.
func detach(null *os.File) error {
	defer null.Close()
	for fd := range 3 {
		if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
			return fmt.Errorf("detaching from the caller: %w", err)
		}
	}
	return nil
}
