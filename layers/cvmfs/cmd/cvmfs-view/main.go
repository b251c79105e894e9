// Command cvmfs-view serves one merged view of layer directories to the
// kernel. podman starts it for a container; it is of no use by hand. It is a
// program of its own, not a re-execution of podman, because it stays for as
// long as the container's root file system is mounted and podman's own
// initialisation would cost several times its memory (docs/views.md).
//
// Descriptor 3 is the FUSE connection; standard input holds the spec, standard
// output takes one line back. With the argument "await" it opens the layers and lists
// what a start looks into, and serves them if a second document says how. With "look" and a
// directory it waits until what is mounted there answers. Under the
// name cvmfs-lookup it is the process that asks a repository for a podman that cannot
// be confined (package lookup).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/server"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

func main() {
	const fuseFD = 3
	var err error
	switch {
	case len(os.Args) == 1:
		err = server.Serve(fuseFD, os.Stdin, os.Stdout)
	case len(os.Args) == 2 && os.Args[1] == spec.Await:
		err = server.Await(fuseFD, os.Stdin, os.Stdout)
	case len(os.Args) == 3 && os.Args[1] == spec.Look:
		look(os.Args[2])
	default:
		fmt.Fprintf(os.Stderr, "%s is started by podman and of no use by hand\n", os.Args[0])
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// look asks for a name in a directory. The kernel cannot know that it is not there,
// and asks the server; whatever that answers is an answer.
func look(dir string) {
	_, _ = os.Lstat(filepath.Join(dir, fmt.Sprintf(".cvmfs-view-%d-%d", os.Getpid(), time.Now().UnixNano())))
}
