// Command oracle writes down a whole tree as a container sees it, and compares
// two such records: that of an image which was pulled the ordinary way, and
// that of the same image with layers from a repository.
//
//	oracle capture [--prune PATH]... ROOT            a record of the tree at ROOT, on standard output
//	oracle tar [--prune PATH]... [FILE]              the same of a tar, as podman export writes it
//	oracle compare [FLAG]... ORDINARY OTHER          0: no difference but allowed ones, 1: others, 2: bad input
//
// A record is JSON lines: a header, which says what fields are held, one entry
// for each path in the order of the walk, and a trailer with their number. See
// entry for the fields, and allowances for the flags of compare.
//
// What cannot be read is recorded, not skipped: an error is part of what a
// container sees. So capture fails only if its record would not be true.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

var errDiffer = errors.New("the records differ")

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case err == nil:
	case errors.Is(err, errDiffer):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(2)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: capture [--prune PATH]... ROOT | tar [--prune PATH]... [FILE] | compare [FLAG]... ORDINARY OTHER")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "capture", "tar":
		pruned := paths{}
		flags.Var(pruned, "prune", "leave out `PATH` and all beneath it; may be given again")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return record(args[0], flags.Args(), pruned, stdin, stdout)
	case "compare":
		allowed, minimum := allowances{}, 0
		allowed.flags(flags)
		flags.IntVar(&minimum, "min-entries", 20, "refuse a record of fewer than `N` entries")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if flags.NArg() != 2 {
			return errors.New("usage: compare [FLAG]... ORDINARY OTHER")
		}
		return compareFiles(stdout, flags.Arg(0), flags.Arg(1), allowed, minimum)
	}
	return fmt.Errorf("no command %q: capture, tar or compare", args[0])
}

// record writes a record of what the arguments name, through a buffer.
func record(command string, args []string, pruned paths, stdin io.Reader, stdout io.Writer) error {
	out := bufio.NewWriterSize(stdout, 1<<20)
	var err error
	switch {
	case command == "capture" && len(args) == 1:
		err = capture(out, args[0], pruned)
	case command == "tar" && len(args) == 0:
		err = recordTar(out, bufio.NewReaderSize(stdin, 1<<20), pruned)
	case command == "tar" && len(args) == 1:
		var file *os.File
		if file, err = os.Open(args[0]); err != nil {
			return err
		}
		defer file.Close()
		err = recordTar(out, bufio.NewReaderSize(file, 1<<20), pruned)
	default:
		return errors.New("usage: capture [--prune PATH]... ROOT | tar [--prune PATH]... [FILE]")
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// paths is a set of absolute paths, as a flag that may be given again.
type paths map[string]bool

func (p paths) String() string { return "" }

func (p paths) Set(path string) error {
	if len(path) < 2 || path[0] != '/' || path != clean(path) {
		return fmt.Errorf("%q is not an absolute, clean path below the root", path)
	}
	p[path] = true
	return nil
}
