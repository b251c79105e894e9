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

// visit looks at one name.
type visit func(r *Result, path string, isDir bool)

var buffer = make([]byte, 1<<20)

var visits = map[string]visit{
	"names": func(*Result, string, bool) {},
	"stat": func(r *Result, path string, _ bool) {
		var st syscall.Stat_t
		r.fail(syscall.Lstat(path, &st))
	},
	"read": func(r *Result, path string, isDir bool) {
		var st syscall.Stat_t
		if isDir || syscall.Lstat(path, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
			return
		}
		n, err := readFile(path)
		r.Bytes += n
		r.fail(err)
	},
}

// readFile reads as cat does, with as few allocations as possible.
func readFile(path string) (int64, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
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

// walk visits each name below root, one after the other as find and tar do.
func walk(root string, v visit) (Result, error) {
	var r Result
	started := time.Now()
	pending := []string{root}
	for len(pending) > 0 {
		dir := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		v(&r, dir, true)
		entries, err := list(dir)
		if err != nil && dir == root {
			return r, err
		}
		r.fail(err)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if skipped[path] {
				continue
			}
			r.Names++
			if e.IsDir() {
				pending = append(pending, path)
			} else {
				v(&r, path, false)
			}
		}
	}
	r.Seconds = time.Since(started).Seconds()
	return r, nil
}

// list gives a directory's entries in its own order, without metadata.
func list(dir string) ([]os.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
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
