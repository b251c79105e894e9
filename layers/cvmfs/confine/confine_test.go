package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
)

// A process that confines itself cannot be the one that runs the tests: this
// program starts itself, with a directory to try things in and a mode.
const (
	probeDir  = "CONFINE_TEST_DIR"
	probeMode = "CONFINE_TEST_MODE"
)

// Modes of the probe. After confined there may be system calls and the errors that
// they are to give, as by the filter of a container host: "444=38".
const (
	free     = "free"
	confined = "confined"
)

// result is what a probe saw: the error of each attempt, by its name.
type result struct {
	Apply    string
	Attempts map[string]syscall.Errno
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(probeDir); dir != "" {
		if err := json.NewEncoder(os.Stdout).Encode(probe(dir, os.Getenv(probeMode))); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// attempts are what a confined process must not do. Those that need an object have
// one that is not there: they fail in either case, but not with the same error.
func attempts(dir string) map[string]func() error {
	tree, outside := filepath.Join(dir, "tree/dir/file"), filepath.Join(dir, "outside")
	call := func(trap uintptr, args ...uintptr) func() error {
		return func() error {
			args := append(args, 0, 0, 0, 0, 0, 0)
			if _, _, errno := unix.Syscall6(trap, args[0], args[1], args[2], args[3], args[4], args[5]); errno != 0 {
				return errno
			}
			return nil
		}
	}
	open := func(path string, flags int) func() error {
		return func() error {
			_, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
			return err
		}
	}
	openat2 := func(path string, flags uint64) func() error {
		return func() error {
			_, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: flags})
			return err
		}
	}
	socket := func(domain, kind int) func() error {
		return func() error {
			_, err := unix.Socket(domain, kind, 0)
			return err
		}
	}
	return map[string]func() error{
		"read outside": open(outside, unix.O_RDONLY), "read passwd": open("/etc/passwd", unix.O_RDONLY),
		"list outside": open(dir, unix.O_RDONLY|unix.O_DIRECTORY), "read itself": open("/proc/self/environ", unix.O_RDONLY),
		"openat2 outside": openat2(outside, unix.O_RDONLY), "openat2 to write": openat2(tree, unix.O_WRONLY),
		"write": open(tree, unix.O_WRONLY), "append": open(tree, unix.O_RDWR|unix.O_APPEND), "truncate": open(tree, unix.O_TRUNC),
		"create":   open(filepath.Join(dir, "tree/new"), unix.O_RDONLY|unix.O_CREAT),
		"unlink":   func() error { return unix.Unlink(filepath.Join(dir, "none")) },
		"mkdir":    func() error { return unix.Mkdir(filepath.Join(dir, "none/none"), 0o700) },
		"chmod":    func() error { return unix.Chmod(tree, 0o644) },
		"setxattr": func() error { return unix.Setxattr(filepath.Join(dir, "none"), "user.x", nil, 0) },
		"inet":     socket(unix.AF_INET, unix.SOCK_STREAM), "unix": socket(unix.AF_UNIX, unix.SOCK_DGRAM),
		"netlink": socket(unix.AF_NETLINK, unix.SOCK_RAW), "connect": call(unix.SYS_CONNECT, 1<<20), "sendto": call(unix.SYS_SENDTO, 1<<20),
		"exec": func() error { return unix.Exec(filepath.Join(dir, "none"), nil, nil) },
		"fork": func() error {
			_, err := syscall.ForkExec("/proc/self/exe", []string{"", "-test.run=^$"}, nil)
			return err
		},
		"ptrace": call(unix.SYS_PTRACE, unix.PTRACE_ATTACH), "memory of others": call(unix.SYS_PROCESS_VM_READV, 1<<30),
		"mount":   func() error { return unix.Mount("none", filepath.Join(dir, "none"), "tmpfs", 0, "") },
		"unmount": func() error { return unix.Unmount(filepath.Join(dir, "none"), 0) },
		"unshare": call(unix.SYS_UNSHARE), "chroot": func() error { return unix.Chroot(filepath.Join(dir, "none")) },
		"kill": call(unix.SYS_KILL, uintptr(os.Getppid())), "signal": call(unix.SYS_TGKILL, uintptr(os.Getppid()), uintptr(os.Getppid())),
		"own": func() error {
			_, err := unix.FcntlInt(0, unix.F_SETOWN, os.Getppid())
			return err
		},
		"code": func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			return err
		},
		"capable": func() error { // of anything but reading
			var has [2]unix.CapUserData
			err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &has[0])
			if err == nil && has[0].Permitted&^(1<<unix.CAP_DAC_READ_SEARCH) == 0 && has[1].Permitted == 0 {
				err = unix.EPERM
			}
			return err
		},
		"dumpable": func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
		"setuid":   call(unix.SYS_SETUID), "ioctl": call(unix.SYS_IOCTL, 1<<20), "bpf": call(unix.SYS_BPF, 1<<20),
		"handle": call(unix.SYS_OPEN_BY_HANDLE_AT, 1<<20), "rlimit": call(unix.SYS_PRLIMIT64, 1<<30),
	}
}

// probe confines itself as mode says and tries everything, in threads from before
// and after.
func probe(dir, mode string) (r result) {
	const before = 4
	r.Attempts = map[string]syscall.Errno{}
	start, done := make(chan bool), make(chan map[string]error)
	worker := func() {
		runtime.LockOSThread()
		<-start
		errs := map[string]error{}
		for name, attempt := range attempts(dir) {
			errs[name] = attempt()
		}
		done <- errs
		select {} // so that each has a thread of its own
	}
	for range before {
		go worker()
	}
	if mode, rest, _ := strings.Cut(mode, " "); mode == confined {
		for _, each := range strings.Fields(rest) {
			var number, errno uint32
			if _, err := fmt.Sscanf(each, "%d=%d", &number, &errno); err != nil {
				panic(err)
			}
			refuse(number, errno)
		}
		fd, err := unix.Open(filepath.Join(dir, "tree"), unix.O_PATH, 0)
		if err == nil {
			err = Apply(Rules{Trees: []int{fd}, Capabilities: []int{unix.CAP_DAC_READ_SEARCH}})
		}
		if err != nil {
			r.Apply = err.Error()
			return r
		}
	}
	go worker()
	close(start)
	for range before + 1 {
		for name, err := range <-done {
			var errno syscall.Errno
			errors.As(err, &errno)
			if had, ok := r.Attempts[name]; ok && had != errno {
				panic(fmt.Sprintf("%s: %v in one thread, %v in another", name, had, errno))
			}
			r.Attempts[name] = errno
		}
	}
	var errno syscall.Errno
	errors.As(read(filepath.Join(dir, "tree")), &errno)
	r.Attempts["ALLOWED"] = errno
	return r
}

// read is what is left.
func read(tree string) error {
	root, err := unix.Open(tree, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	path, err := beneath.Step(root, "file", unix.O_PATH)
	if err != nil {
		return err
	}
	fd, _, err := beneath.Regular(path)
	if err != nil {
		return err
	}
	if n, err := unix.Pread(fd, make([]byte, 10), 0); err != nil || n != 4 {
		return errors.Join(err, unix.EIO)
	}
	if _, err := beneath.Open(root, "dir/file", unix.O_RDONLY); err != nil {
		return err
	}
	_, err = unix.ReadDirent(root, make([]byte, 4096))
	return err
}

// refuse has one system call fail from now on.
func refuse(number, errno uint32) {
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | errno},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if e != 0 {
		panic(e)
	}
}

func run(t *testing.T, mode string) result {
	t.Helper()
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "tree/dir"), 0o755),
		os.WriteFile(filepath.Join(dir, "tree/file"), []byte("text"), 0o600),
		os.WriteFile(filepath.Join(dir, "tree/dir/file"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "outside"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = []string{probeDir + "=" + dir, probeMode + "=" + mode}, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("mode %q: %v", mode, err)
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("mode %q: %v: %q", mode, err, out)
	}
	if r.Apply == ErrThreads.Error() && !Possible() {
		t.Skip("the race detector links with C")
	}
	if r.Apply != "" {
		t.Fatalf("mode %q: %s", mode, r.Apply)
	}
	if r.Attempts["ALLOWED"] != 0 {
		t.Errorf("mode %q: reading the tree: %v", mode, r.Attempts["ALLOWED"])
	}
	delete(r.Attempts, "ALLOWED")
	return r
}

func refused(e syscall.Errno) bool { return e == unix.EPERM || e == unix.EACCES }

// through gives the names of the attempts that were not refused.
func (r result) through() (names []string) {
	for name, errno := range r.Attempts {
		if !refused(errno) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: what it sees refused must have been allowed before")
	}
}

// Nothing of it would be refused without.
func TestFree(t *testing.T) {
	needsRoot(t)
	for name, errno := range run(t, free).Attempts {
		if refused(errno) {
			t.Errorf("%s is refused in any case (%v): to try it tests nothing", name, errno)
		}
	}
}

func TestConfined(t *testing.T) {
	needsRoot(t)
	if left := run(t, confined).through(); len(left) > 0 {
		t.Errorf("not refused: %q", left)
	}
}

// What the kernel lacks, or a filter around the process refuses, is left out, and
// the rest holds.
func TestLacking(t *testing.T) {
	needsRoot(t)
	refusing := func(number int, errno syscall.Errno) string {
		return fmt.Sprintf("%s %d=%d", confined, number, uint32(errno))
	}
	// Files can be read without Landlock, but by openat: none can be written.
	readable := []string{"list outside", "read itself", "read outside", "read passwd"}
	for _, errno := range []syscall.Errno{unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM} {
		left := run(t, refusing(unix.SYS_LANDLOCK_CREATE_RULESET, errno)).through()
		if !slices.Equal(left, readable) {
			t.Errorf("without Landlock (%v), not refused: %q, want %q", errno, left, readable)
		}
	}
	for _, errno := range []syscall.Errno{unix.ENOSYS, unix.EPERM} {
		attempts := run(t, refusing(unix.SYS_SECCOMP, errno)).Attempts
		for _, name := range []string{
			"read outside", "list outside", "read passwd", "openat2 outside", "openat2 to write", "write", "truncate", "create", "capable",
		} {
			if errno, tried := attempts[name]; !tried || !refused(errno) {
				t.Errorf("without seccomp, %s is not refused: %v", name, errno)
			}
		}
	}
}

// What is no lack is an error.
func TestApplyFails(t *testing.T) {
	needsRoot(t)
	for _, c := range []struct {
		number int
		errno  syscall.Errno
		want   string
	}{
		{unix.SYS_LANDLOCK_CREATE_RULESET, unix.ENOMEM, "Landlock"},
		{unix.SYS_LANDLOCK_RESTRICT_SELF, unix.E2BIG, "Landlock"},
		{unix.SYS_SECCOMP, unix.ENOMEM, "seccomp"},
		{unix.SYS_CAPSET, unix.EPERM, "capabilities"},
		{unix.SYS_PRCTL, unix.EINVAL, "privileges"},
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{probeDir + "=" + t.TempDir(), fmt.Sprintf("%s=%s %d=%d", probeMode, confined, c.number, uint32(c.errno))}
		if err := os.Mkdir(filepath.Join(strings.TrimPrefix(cmd.Env[0], probeDir+"="), "tree"), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var r result
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		if r.Apply == ErrThreads.Error() && !Possible() {
			t.Skip("the race detector links with C")
		}
		if !strings.Contains(r.Apply, c.want) || !strings.Contains(r.Apply, c.errno.Error()) {
			t.Errorf("system call %d gives %v: %q, want an error about %s", c.number, c.errno, r.Apply, c.want)
		}
	}
}
