package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Result is what one run took and met.
type Result struct {
	Seconds float64 `json:"seconds"`
	Names   int64   `json:"names"`            // looked at
	Bytes   int64   `json:"bytes,omitempty"`  // of contents read
	Denied  int64   `json:"denied,omitempty"` // EACCES, as a repository answers for what others may not read
	Errors  int64   `json:"errors,omitempty"` // any other error

	CPU float64 `json:"cpu,omitempty"` // seconds of a command and what it waited for
	RSS int64   `json:"rss,omitempty"` // bytes, at most, of one of them
}

func (r *Result) fail(err error) {
	switch {
	case err == nil:
	case errors.Is(err, syscall.EACCES):
		r.Denied++
	default:
		r.Errors++
	}
}

// skipped are those directories of a container that are not the image's.
var skipped = map[string]bool{"/proc": true, "/sys": true, "/dev": true, "/run": true}

// place is a name in an open directory.
type place struct {
	dir   int
	name  string
	path  string
	isDir bool
}

// visit looks at one name.
type visit func(r *Result, p place)

var buffer = make([]byte, 1<<20)

var visits = map[string]visit{
	"names": func(*Result, place) {},
	"stat": func(r *Result, p place) {
		var st unix.Stat_t
		r.fail(unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW))
	},
	"read": func(r *Result, p place) {
		var st unix.Stat_t
		if p.isDir || unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			return
		}
		n, err := readFile(p.dir, p.name)
		r.Bytes += n
		r.fail(err)
	},
}

// readFile reads as cat does, with as few allocations as possible.
func readFile(dir int, name string) (int64, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	var total int64
	for {
		n, err := syscall.Read(fd, buffer)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return total, err
		}
		total += int64(n)
	}
}

// walk visits each name below root as find and tar do: one directory after the other,
// and each name from the open directory that holds it.
func walk(root string, v visit) (Result, error) {
	var r Result
	started := time.Now()
	v(&r, place{unix.AT_FDCWD, root, root, true})
	for pending := []string{root}; len(pending) > 0; {
		dir := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		below, err := r.walkOne(dir, v)
		if err != nil && dir == root {
			return r, err
		}
		r.fail(err)
		pending = append(pending, below...)
	}
	r.Seconds = time.Since(started).Seconds()
	return r, nil
}

// walkOne visits the names in a directory, in its own order, and gives the directories
// among them.
func (r *Result) walkOne(path string, v visit) (below []string, err error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	fd := int(dir.Fd())
	for _, e := range entries {
		p := place{fd, e.Name(), filepath.Join(path, e.Name()), e.IsDir()}
		if skipped[p.path] {
			continue
		}
		r.Names++
		v(r, p)
		if p.isDir {
			below = append(below, p.path)
		}
	}
	return below, err
}

func readDirs(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), nil
}

// tried are the names by which Python looks for a module that is elsewhere.
var tried = func() (names []string) {
	for _, module := range []string{"numpy", "scipy", "_speedups", "sitecustomize"} {
		for _, suffix := range []string{"", ".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so", ".py", ".pyc"} {
			names = append(names, module+"-absent"+suffix)
		}
	}
	return names
}()

// absent looks names up that are not there. One that is there is an error.
func absent(dirs []string) Result {
	var r Result
	started := time.Now()
	for _, dir := range dirs {
		for _, name := range tried {
			var st syscall.Stat_t
			r.Names++
			if err := syscall.Lstat(dir+"/"+name, &st); err == nil {
				r.Errors++
			} else if err != syscall.ENOENT {
				r.fail(err)
			}
		}
	}
	r.Seconds = time.Since(started).Seconds()
	return r
}

// command runs a program that must succeed.
func command(argv []string) (Result, error) {
	started := time.Now()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	if err := cmd.Run(); err != nil {
		return Result{}, fmt.Errorf("running %q: %w", argv, err)
	}
	r := Result{
		Seconds: time.Since(started).Seconds(),
		CPU:     (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.RSS = usage.Maxrss * 1024
	}
	return r, nil
}
