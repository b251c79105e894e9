//go:build linux

package lookup

import (
	"encoding/json"
	"io"
	"os"
	"sync"
	"unsafe"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/confine"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
)

// processName is what a child that asks a repository is called. Its arguments are
// the repository's path and, if it has to keep descriptor 3 open, "hold".
const (
	processName = helper.Lookup
	holdArg     = "hold"
)

// Any program that looks layers up can be its own child, and has nothing to
// install or to prepare in its main for that.
func init() {
	if hold := len(os.Args) == 3 && os.Args[2] == holdArg; (hold || len(os.Args) == 2) && os.Args[0] == processName {
		name, _ := unix.BytePtrFromString(processName)
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0) // for those who look
		last := unix.Stderr
		if hold {
			last++
		}
		confine.CloseInherited(last) // it may be left behind
		serve(os.Args[1], os.Stdin, os.Stdout)
		os.Exit(0)
	}
}

// question and reply are JSON objects, one to a line.
type question struct {
	Number uint64        `json:"number"`
	Digest digest.Digest `json:"digest"`
	DiffID digest.Digest `json:"diff-id"`
}

type reply struct {
	Number uint64 `json:"number"`
	// Path stands beside Layer, whose JSON form leaves it out.
	Path      string        `json:"path,omitempty"`
	Layer     cvmfs.Layer   `json:"layer"`
	Error     *helper.Error `json:"error,omitempty"`
	Directory string        `json:"directory,omitempty"`
	// Again asks for another process in place of an answer; this one ends.
	Again bool `json:"again,omitempty"`
}

// serve answers questions about the repository at root until there are no more.
func serve(root string, questions io.Reader, replies io.Writer) {
	var mu sync.Mutex
	jail := jail{root: root}
	encoder, decoder := json.NewEncoder(replies), json.NewDecoder(questions)
	for {
		var q question
		if err := decoder.Decode(&q); err != nil {
			return
		}
		go func() {
			a := answer{err: jail.enter()}
			if a.err == nil {
				a = look(root, q.Digest, q.DiffID)
			}
			again := a.err != nil && jail.elsewhere(a.err)
			mu.Lock()
			defer mu.Unlock()
			// Nobody is there to be told of an error.
			_ = encoder.Encode(reply{
				Number: q.Number, Path: a.layer.Path, Layer: a.layer,
				Error: helper.NewError(a.err), Directory: a.directory, Again: again,
			})
			if again {
				os.Exit(0)
			}
		}()
	}
}

func (r reply) answer() answer {
	a := answer{layer: r.Layer, directory: r.Directory}
	a.layer.Path = r.Path
	if r.Error != nil { // a nil *Error in an error would not be nil
		a.err = r.Error
	}
	return a
}
