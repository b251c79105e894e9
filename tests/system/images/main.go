// Command images makes the images that demo and system tests pull, as OCI
// layouts. Its jobs:
//
//	images layer ROOT STATE TAR      what changed below ROOT since STATE, as a layer tar
//	images assemble LAYOUT NAME TAR… an image NAME of these layers
//	images small LAYOUT BUSYBOX      the crafted images of the system tests
//	images hard LAYOUT BUSYBOX       the hard cases: what a layer may hold at all
//	images large LAYOUT BUSYBOX      the large ones, which take long to pull
//	images list LAYOUT               name, layers, digests: one line per layer
//
// The science image is a real one: the script beside this file installs and
// removes packages in one root file system and takes a layer after each step,
// so that its deletions are those that package managers make. The small images
// are written entry by entry, to hold what real ones hold only sometimes; the
// hard ones are the corpus on which containers from CVMFS are compared with
// those of an ordinary pull.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	job, args := first(args)
	switch {
	case job == "layer" && len(args) == 3:
		return writeDiff(args[0], args[1], args[2])
	case job == "assemble" && len(args) > 2:
		return assemble(args[0], args[1], args[2:])
	case job == "small" && len(args) == 2:
		return writeImages(args[0], args[1], catalogue)
	case job == "hard" && len(args) == 2:
		return writeImages(args[0], args[1], hardCatalogue)
	case job == "large" && len(args) == 2:
		return writeImages(args[0], args[1], largeCatalogue)
	case job == "list" && len(args) == 1:
		return list(os.Stdout, args[0])
	default:
		return fmt.Errorf("usage: layer ROOT STATE TAR | assemble LAYOUT NAME TAR... | small|hard|large LAYOUT BUSYBOX | list LAYOUT")
	}
}

func first(args []string) (string, []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}
