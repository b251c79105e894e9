// Package helper names the processes that podman starts beside itself, finds
// their programs, and carries errors back from them.
//
// What touches a repository is done in a process of its own: a system call on a
// FUSE mount whose server hangs cannot be interrupted, and the process that
// made it cannot end. A helper can be left behind.
package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// Names of the processes.
const (
	// View serves a view (package view/server); a program of its own.
	View = "cvmfs-view"
	// Lookup asks a repository for layers (package lookup); the calling
	// program once more, or View's, under this name.
	Lookup = "cvmfs-lookup"
)

// dirs are searched after the directory of the running program and its
// libexec: where distributions put podman's helpers.
var dirs = []string{
	"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman",
}

// Find gives the path of a program; the error is os.ErrNotExist.
func Find(name string) (string, error) {
	search := dirs
	if exe, err := executable(); err == nil {
		dir := filepath.Dir(exe)
		search = append([]string{dir, filepath.Join(dir, "../libexec/podman")}, search...)
	}
	for _, dir := range search {
		path := filepath.Join(dir, name)
		if isExecutable(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("finding %s in %s: %w", name, strings.Join(search, ":"), os.ErrNotExist)
}

func isExecutable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

// executable is the path of the running program. Where containers/storage takes
// a program into a user namespace, it goes on as a copy in memory or from a mount
// that is out of sight, which is at "/memfd:…" or "/" (pkg/unshare there): what it
// was started as tells where it lies.
func executable() (string, error) {
	exe, err := os.Executable()
	if st, err2 := os.Stat(exe); err == nil && (err2 != nil || !st.Mode().IsRegular()) {
		return exec.LookPath(strings.TrimSuffix(os.Args[0], "-in-a-user-namespace"))
	}
	return exe, err
}

// Error is an error as a helper reports it: the text, and the sentinel error of
// package cvmfs or errno that callers tell apart.
type Error struct {
	Class string `json:"class,omitempty"`
	Text  string `json:"error"`
}

// classes are the errors that keep their identity.
var classes = []struct {
	name string
	err  error
}{
	{"denied", syscall.EACCES},
	{"unknown", cvmfs.ErrLayerUnknown},
	{"unavailable", cvmfs.ErrUnavailable},
	{"exhausted", cvmfs.ErrExhausted},
	{"mismatch", cvmfs.ErrMismatch},
	{"invalid", cvmfs.ErrInvalidLayer},
	{"closed", cvmfs.ErrClosed},
	{"no-layers", cvmfs.ErrNoLayers}, // after what it is, too
}

// NewError makes err fit to cross; nil stays nil.
func NewError(err error) *Error {
	if err == nil {
		return nil
	}
	e := &Error{Text: err.Error()}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			e.Class = c.name
		}
	}
	return e
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives the error that Class names, if any.
func (e *Error) Unwrap() error {
	for _, c := range classes {
		if c.name == e.Class {
			return c.err
		}
	}
	return nil
}

// ParseError reads the JSON form of an Error.
func ParseError(name string, doc []byte) error {
	e := &Error{}
	if err := json.Unmarshal(doc, e); err != nil {
		return fmt.Errorf("%s answered %q", name, doc)
	}
	return e
}
