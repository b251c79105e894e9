//go:build linux && !386 && !arm && !mips && !mipsle

package confine

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Most frequent first: kernels before 5.11 go through the list for each call.
var anyArguments = []uint32{
	// connections and pipes that are open
	unix.SYS_READ, unix.SYS_WRITEV, unix.SYS_FUTEX, unix.SYS_PREAD64, unix.SYS_WRITE,
	unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2, unix.SYS_DUP3,
	// trees
	unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_GETDENTS64, unix.SYS_READLINKAT,
	unix.SYS_LGETXATTR, unix.SYS_GETXATTR, unix.SYS_FGETXATTR, unix.SYS_LLISTXATTR,
	unix.SYS_FSTATFS, unix.SYS_FACCESSAT, unix.SYS_LSEEK,
	// the Go runtime
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_SCHED_YIELD,
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_GETRANDOM, unix.SYS_SCHED_GETAFFINITY,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_UNAME, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// allowed are the system calls that are left.
func allowed(landlocked bool) []call {
	flags := uint32(0) // the argument of clone
	if runtime.GOARCH == "s390x" {
		flags = 1
	}
	calls := make([]call, 0, len(anyArguments)+16)
	for _, number := range anyArguments {
		calls = append(calls, call{number: number})
	}
	calls = append(calls,
		// to read
		call{unix.SYS_OPENAT, 2, unix.O_ACCMODE | unix.O_CREAT | unix.O_TRUNC, unix.O_RDONLY},
		// no code that is not the program's
		call{unix.SYS_MMAP, 2, unix.PROT_EXEC, 0},
		// threads, and no processes
		call{unix.SYS_CLONE, flags, unix.CLONE_THREAD, unix.CLONE_THREAD},
		// signals to its own threads
		call{unix.SYS_TGKILL, 0, ^uint32(0), uint32(os.Getpid())},
		// the names that the Go runtime gives to memory
		call{unix.SYS_PRCTL, 0, ^uint32(0), unix.PR_SET_VMA},
	)
	// No F_SETOWN: it would have the kernel send signals.
	for _, command := range []uint32{unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL} {
		calls = append(calls, call{unix.SYS_FCNTL, 1, ^uint32(0), command})
	}
	// A filter does not see what openat2 is to open, or how. Without it package
	// beneath takes one step at a time.
	if landlocked {
		calls = append(calls, call{number: unix.SYS_OPENAT2})
	}
	return calls
}
