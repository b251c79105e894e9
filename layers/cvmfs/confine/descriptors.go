//go:build linux

package confine

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// CloseInherited closes the descriptors above last that whoever called podman left
// open: a process that outlives podman must not keep somebody's pipe from ending.
// This program's own are those that would not be inherited.
func CloseInherited(last int) {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // nothing is lost but tidiness
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err != nil || fd <= last {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}
