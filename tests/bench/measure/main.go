// Command measure is the bench's hands. Most of its jobs run inside a container,
// from a bind mount: it is static and takes nothing from the image, so that a
// job touches the files that it is about and no others.
//
//	measure names|stat|read ROOT [RUNS]    walk a tree RUNS times (2): names only, with metadata, reading all files
//	measure absent LIST [RUNS]             look names up that are not there, in the directories that LIST names
//	measure command RUNS PROGRAM ARG...    run a program RUNS times
//	measure dirs ROOT                      print the directories of a tree, as absent wants them
//	measure pause                          wait for a signal: what keeps a container alive
//	measure nothing                        end at once
//	measure tree DIR LAYERS SHAPE DIRS FILES SIZE    write layer tars of a tree, see tree.go
//
// Each timed job prints one JSON document: what each run took and met.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("which job?")
	}
	job, args := args[0], args[1:]
	switch {
	case job == "nothing":
		return nil
	case job == "pause":
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
		<-end
		return nil
	case job == "dirs" && len(args) == 1:
		return printDirs(args[0])
	case job == "tree" && len(args) == 6:
		return writeTree(args)
	case job == "command" && len(args) > 1:
		return timed(args[:1], func() (Result, error) { return command(args[1:]) })
	case job == "absent" && len(args) > 0:
		dirs, err := readDirs(args[0])
		if err != nil {
			return err
		}
		return timed(args[1:], func() (Result, error) { return absent(dirs), nil })
	case visits[job] != nil && len(args) > 0:
		return timed(args[1:], func() (Result, error) { return walk(args[0], visits[job]) })
	default:
		return fmt.Errorf("%q with %d arguments is no job", job, len(args))
	}
}

// timed runs a job as often as asked for (twice), and prints the results.
func timed(times []string, job func() (Result, error)) error {
	n := 2
	if len(times) > 0 {
		var err error
		if n, err = strconv.Atoi(times[0]); err != nil {
			return fmt.Errorf("parsing the number of runs: %w", err)
		}
	}
	var results []Result
	for range n {
		r, err := job()
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func printDirs(root string) error {
	out := bufio.NewWriter(os.Stdout)
	_, err := walk(root, func(_ *Result, p place) {
		if p.isDir {
			fmt.Fprintln(out, p.path)
		}
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
