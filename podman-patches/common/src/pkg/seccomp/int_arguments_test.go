//go:build linux && seccomp
// +build linux,seccomp

package seccomp

import (
	"math/rand"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const high = 1<<32 | 1<<63

// What the kernel takes for one call the profile takes for one call. A filter
// stays, and threads inherit it, so that a process has one.
func TestProfileOfInts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("raw sockets need root")
	}
	const variable = "TEST_PROFILE_OF_INTS"
	caps, filtered := os.LookupEnv(variable)
	if !filtered {
		for _, caps := range []string{"CAP_CHOWN", "CAP_AUDIT_WRITE"} {
			t.Run(caps, func(t *testing.T) {
				child := exec.Command(os.Args[0], "-test.run", "^TestProfileOfInts$")
				child.Env = append(os.Environ(), variable+"="+caps)
				if out, err := child.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
		return
	}
	profile, err := GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{caps}}}})
	if err != nil {
		t.Fatal(err)
	}
	filter, err := BuildFilter(profile)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := filter.Load(); err != nil {
		t.Fatal(err)
	}
	socket := func(call [3]uintptr) error {
		fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, call[0], call[1], call[2])
		if errno != 0 {
			return errno
		}
		return unix.Close(int(fd))
	}
	for _, call := range [][3]uintptr{
		{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT},
		{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE},
		{unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{unix.AF_INET, unix.SOCK_RAW, unix.NETLINK_AUDIT},
		{unix.AF_INET, unix.SOCK_STREAM, 0},
		{unix.AF_UNIX, unix.SOCK_STREAM, 0},
	} {
		want := socket(call)
		for _, same := range [][3]uintptr{
			{call[0] | high, call[1], call[2]}, {call[0], call[1], call[2] | high}, {call[0] | high, call[1] | high, call[2] | high},
		} {
			if got := socket(same); got != want {
				t.Errorf("socket%x: %v, and socket%x: %v", call, want, same, got)
			}
		}
		audit := call[0] == unix.AF_NETLINK && call[2] == unix.NETLINK_AUDIT
		if audit && (want == unix.EINVAL) != (caps != "CAP_AUDIT_WRITE") {
			t.Errorf("the profile lets audit end with %v", want)
		}
		if !audit && call[0] != unix.AF_VSOCK && want != nil {
			t.Errorf("socket%x: the profile refuses an ordinary socket: %v", call, want)
		}
	}
}

// Comparisons of 32 bits hold for the same numbers as the one that they replace.
func TestMasked(t *testing.T) {
	numbers := []uint64{0, 1, 2, 8, 9, 10, 15, 16, 17, 39, 40, 41, 1<<31 - 1, 1 << 31, 1<<32 - 2, 1<<32 - 1}
	for i := 0; i < 50; i++ {
		numbers = append(numbers, uint64(rand.Uint32()))
	}
	for op, holds := range map[specs.LinuxSeccompOperator]func(a, b uint64) bool{
		specs.OpEqualTo:      func(a, b uint64) bool { return a == b },
		specs.OpNotEqual:     func(a, b uint64) bool { return a != b },
		specs.OpLessThan:     func(a, b uint64) bool { return a < b },
		specs.OpLessEqual:    func(a, b uint64) bool { return a <= b },
		specs.OpGreaterThan:  func(a, b uint64) bool { return a > b },
		specs.OpGreaterEqual: func(a, b uint64) bool { return a >= b },
	} {
		for _, value := range numbers {
			args := masked(specs.LinuxSeccompArg{Index: 1, Op: op, Value: value}, []uint32{40, 17})
			for _, number := range numbers {
				matches := 0
				for _, arg := range args {
					if arg.Op != specs.OpMaskedEqual || arg.Index != 1 {
						t.Fatalf("%v became %v", op, arg)
					}
					if (number|high)&arg.Value == arg.ValueTwo {
						matches++
					}
				}
				want := 0
				if holds(number, value) && number != 40 && number != 17 {
					want = 1
				}
				if matches != want {
					t.Errorf("%x %s %x: %d rules match", number, op, value, matches)
				}
			}
		}
	}
}
