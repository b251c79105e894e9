package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracedName is this program's first argument when it is to become the command.
const tracedName = "traced"

// openFlags is the offset of openat's flags in struct seccomp_data: the low
// half of argument 2, on a little-endian machine.
const openFlags = 16 + 2*8

// becomeTraced has the kernel stop this process and all that it starts at the
// calls of the table, and at no other, and becomes the command.
func becomeTraced(command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the filter is this thread's
	filter := program()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("setting a filter: %w", errno)
	}
	return fmt.Errorf("running %q: %w", path, syscall.Exec(path, command, syscall.Environ()))
}

// program is the filter. Files that are opened for reading, as most are, pass.
func program() []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		set   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // the number
		{Code: equal, Jf: 3, K: unix.SYS_OPENAT},
		{Code: load, K: openFlags},
		{Code: set, Jf: 2 /* allow */, K: changingFlags},
		{Code: ret, K: unix.SECCOMP_RET_TRACE},
		{Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	for number := range calls {
		if number == unix.SYS_OPENAT {
			continue
		}
		filter = append(filter, unix.SockFilter{Code: equal, Jf: 1, K: uint32(number)}, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_TRACE})
	}
	return append(filter, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
}
