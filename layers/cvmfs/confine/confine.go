//go:build linux

// Package confine takes from a process, for good, what reading a repository has
// no use for: what a hostile tree makes of a mistake in the program, or in a
// library of it, then goes no further.
//
// Each rule holds for every thread, also those to come:
//
//   - no new privileges, and no core dumps, also not to a program that the kernel
//     gives them to. A process of the same user namespace needs CAP_SYS_PTRACE to
//     trace it. That does not keep out the user who made the namespace: outside of it
//     he has all capabilities in it;
//   - no capabilities but those asked for;
//   - Landlock (Linux 5.13): of all file systems, only the trees that it is given
//     can be opened, and only to be read; no TCP, no sockets with abstract names;
//   - seccomp: the system calls that a program in Go needs to read a tree and to
//     serve a connection that is open. No socket, no other program, no process to
//     start, to trace or to send a signal, nothing to mount, nothing to write to.
//
// What the kernel lacks, or a filter around this process refuses, is left out, and
// the rest applied. Without Landlock any file that its user may read can be read;
// what is read has no way out but the connection.
//
// The packages for these (go-landlock, go-seccomp-bpf) bring tables of the system
// calls of each architecture, a compiler, and signal handlers in C: 0.4 MB more in
// each server, which has 5, for what are a few system calls.
package confine

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrThreads says that the program is linked with C, whose threads the Go runtime
// does not reach: no rule would hold for all of them. Nothing has been changed.
var ErrThreads = errors.New("a program that is linked with C cannot be confined: build it with CGO_ENABLED=0")

// Possible says whether this program can be confined: see ErrThreads.
func Possible() bool {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0)
	return errno != unix.ENOTSUP
}

// Rules are what a process keeps.
type Rules struct {
	// Trees are open directories, O_PATH will do, beneath which it may read.
	Trees []int
	// Capabilities are kept by those who have them (unix.CAP_…).
	Capabilities []int
}

// Apply confines this process. It returns an error if a rule that the kernel
// knows could not be applied; some may hold then. Nothing that may hang should be
// under way in another thread, which each rule has to reach.
func Apply(r Rules) error {
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); errno == unix.ENOTSUP {
		return ErrThreads
	} else if errno != 0 {
		return fmt.Errorf("renouncing new privileges: %w", errno)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switching core dumps off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("making the process not dumpable: %w", err)
	}
	landlocked, err := restrict(r.Trees)
	if err != nil {
		return fmt.Errorf("restricting file access (Landlock): %w", err)
	}
	if err := drop(r.Capabilities); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if err := install(allowed(landlocked)); err != nil {
		return fmt.Errorf("restricting system calls (seccomp): %w", err)
	}
	return nil
}
