// Command inside asks the kernel, from inside a container, what programs ask
// it, and writes down the answers. Two runs in containers of one image, one
// pulled the ordinary way and one from a repository, must write the same: a
// program cannot tell them apart.
//
//	inside image DIR BUSYBOX     layer tars 0.tar, 1.tar, … of the image that the checks run in
//	inside check [PREFIX…]       the checks: a line `name: answer` for each answer; fails on wrong content
//	inside tree DIR…             a listing: type, mode, links, size, time, hash and target of every name
//	inside role NAME ARG…        what a check starts as another process or user
//
// Answers are error names, counts and truths about values, and never a value
// that differs by right, such as an inode number. Content is compared with
// what the image was made from, not only between the runs: the tool fails by
// itself where it is wrong.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "inside:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "image":
		return writeImage(args[1], args[2])
	case len(args) >= 1 && args[0] == "check":
		return check(os.Stdout, args[1:])
	case len(args) >= 2 && args[0] == "tree":
		return tree(os.Stdout, args[1:])
	case len(args) >= 2 && args[0] == "role":
		return play(args[1], args[2:])
	default:
		return fmt.Errorf("usage: image DIR BUSYBOX | check [PREFIX…] | tree DIR… | role NAME ARG…")
	}
}
