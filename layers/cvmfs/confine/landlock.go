//go:build linux

package confine

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// As in landlock(7) and Documentation/userspace-api/landlock.rst.

const (
	// firstRights are all that Landlock's first version knows of.
	firstRights = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
	readRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
)

// lacking says that Landlock is not there: not in the kernel, switched off at
// boot, or hidden by a filter that does not know it.
func lacking(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM)
}

// restrict lets files be opened only beneath trees, and only to be read. done
// says whether the kernel can.
func restrict(trees []int) (done bool, err error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if lacking(errno) {
		return false, nil
	}
	if errno != 0 {
		return false, fmt.Errorf("asking for its version: %w", errno)
	}
	attr := handled(int(version))
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return false, fmt.Errorf("creating a ruleset: %w", errno)
	}
	defer unix.Close(int(set))
	for _, fd := range trees {
		rule := unix.LandlockPathBeneathAttr{Allowed_access: readRights, Parent_fd: int32(fd)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, unix.LANDLOCK_RULE_PATH_BENEATH,
			uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		if errno != 0 {
			return false, fmt.Errorf("adding a rule: %w", errno)
		}
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return false, fmt.Errorf("applying the ruleset: %w", errno)
	}
	return true, nil
}

// handled are the rights that a version of Landlock can withhold. Signals
// (version 6) are left to the filter of system calls: until Linux 6.15 threads of one
// process cannot send them to each other when each has entered its domain by
// itself, and the Go runtime does.
func handled(version int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Access_fs: firstRights}
	if version >= 2 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attr.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		attr.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	return attr
}
