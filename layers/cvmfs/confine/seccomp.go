//go:build linux

package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that may be made: any, if mask is 0, else one whose
// argument arg, of which the lower 32 bits are looked at, has these bits.
type call struct {
	number     uint32
	arg        uint32
	mask, bits uint32
}

// arch is this program's architecture as the kernel reports it to a filter. A
// filter must ask: the same number means another call in another one.
var arch = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "loong64": unix.AUDIT_ARCH_LOONGARCH64,
	"ppc64le": unix.AUDIT_ARCH_PPC64LE, "riscv64": unix.AUDIT_ARCH_RISCV64, "s390x": unix.AUDIT_ARCH_S390X,
}[runtime.GOARCH]

// seccompFlags: for all threads, and without the slower code that kernels before
// 5.16 run a filtered process with, which is for those that compile what others wrote.
const seccompFlags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW

// install refuses all system calls but these, with EPERM.
func install(calls []call) error {
	// A filter at no address is a fault only where there are filters.
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, seccompFlags, 0)
	if arch == 0 || errno == unix.ENOSYS || errno == unix.EINVAL || errno == unix.EPERM {
		return nil
	}
	if errno != unix.EFAULT {
		return fmt.Errorf("asking for filters: %w", errno)
	}
	code := program(calls)
	filter := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// What it returns, if not 0, is a thread that could not follow.
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, seccompFlags, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return errno
	}
	if thread != 0 {
		return fmt.Errorf("thread %d of process %d: %w", thread, os.Getpid(), errOther)
	}
	return nil
}

var errOther = errors.New("it has a filter of its own")

// program makes the filter, of classic BPF on struct seccomp_data (seccomp(2)).
func program(calls []call) []unix.SockFilter {
	const number, architecture, args = 0, 4, 16 // offsets
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	unless := func(k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jf: skip}
	}
	give := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	refuse := give(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	code := []unix.SockFilter{load(architecture), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: arch, Jt: 1}, refuse, load(number)}
	for _, c := range calls {
		if c.mask == 0 {
			code = append(code, unless(c.number, 1), give(unix.SECCOMP_RET_ALLOW))
			continue
		}
		low := args + 8*c.arg
		if runtime.GOARCH == "s390x" { // the only one of these that is big-endian
			low += 4
		}
		code = append(code,
			unless(c.number, 5),
			load(low),
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.mask},
			unless(c.bits, 1),
			give(unix.SECCOMP_RET_ALLOW),
			load(number))
	}
	return append(code, refuse)
}
