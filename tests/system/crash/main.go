// Command crash runs a command and kills it, with all that it started, at one
// of the system calls by which it changes something below given directories.
//
//	crash [--kill N [--alone KILLED]] [--log FILE] DIR… -- COMMAND…
//
// A kill point is a call that changes what a process started later finds: that
// makes, fills, renames or removes a name, changes what is known of one, or
// mounts. They are counted over all processes and threads of the command, from
// 1. The command is killed when it asks for call N, and the kernel has not
// begun it: so what is on disk is what the calls before N made of it, and point
// N is also the one right after N-1. Calls in a row of one process that fill
// the same file or change its attributes are one point. Syncing is none: the
// page cache outlives a process. Neither is a mount in a namespace that ends
// with the command, nor what is written to a file named *.lock, which tells
// processes that run of a change.
//
// With --alone only the command's first process is killed, as by a batch system
// or the kernel's memory killer: what it started goes on, and crash ends when
// that has. The file KILLED is made when the process is dead.
//
// FILE gets one line for each point: number, program, call, path. The exit
// status is the command's, 137 if it was killed, or 125 if crash itself failed.
//
// The tracer is a process that may trace all the others, and no setuid program
// keeps its privileges under one that may not: rootless podman is run this way
// where it has its user namespace already, in podman unshare.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	runtime.LockOSThread() // one thread is the tracer, and another is never asked
	if len(os.Args) > 2 && os.Args[1] == tracedName {
		fmt.Fprintln(os.Stderr, "crash:", becomeTraced(os.Args[2:]))
		os.Exit(125)
	}
	status, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(125)
	}
	os.Exit(status)
}

func run() (int, error) {
	kill := flag.Int("kill", 0, "kill at this point; 0 for at none")
	alone := flag.String("alone", "", "kill the first process only, and make this file then")
	log := flag.String("log", os.DevNull, "write the points to this file")
	flag.Parse()
	dirs, command := split(flag.Args())
	if len(dirs) == 0 || len(command) == 0 {
		return 0, errors.New("usage: crash [--kill N [--alone KILLED]] [--log FILE] DIR... -- COMMAND...")
	}
	file, err := os.Create(*log)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	watch, err := newWatch(dirs)
	if err != nil {
		return 0, err
	}
	t := &tracer{watch: watch, kill: *kill, alone: *alone, log: file, known: map[int]bool{}}
	return t.run(command)
}

// split cuts DIR… -- COMMAND… in two.
func split(args []string) (dirs, command []string) {
	for i, arg := range args {
		if arg == "--" {
			return args[:i], args[i+1:]
		}
	}
	return args, nil
}
