//go:build linux

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// drop gives up all capabilities but those in keep. The bounding set stays:
// nothing can be gained from it without new privileges.
func drop(keep []int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has, kept [2]unix.CapUserData
	if err := unix.Capget(&header, &has[0]); err != nil {
		return err
	}
	for _, c := range keep {
		bit := has[c/32].Permitted & (1 << (c % 32))
		kept[c/32].Permitted |= bit
		kept[c/32].Effective |= bit
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&kept[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
