package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A directory has no more names than fit, whichever of its layers has them, and
// wherever a listing looks; what is beside it is not affected.
func TestNames(t *testing.T) {
	for _, tc := range []struct {
		name string
		lie  *lie
		want fuse.Status
	}{
		{"as many as fit", &lie{mode: unix.S_IFDIR | 0o755, names: 98}, fuse.OK}, // and "." and ".."
		{"one more", &lie{mode: unix.S_IFDIR | 0o755, names: 99}, fuse.EIO},
		{"many more", &lie{mode: unix.S_IFDIR | 0o755, names: 20000}, fuse.EIO},
		{"of markers only, beside a whiteout", directory(map[string]*lie{
			".wh.d": file(""), "d": directory(map[string]*lie{".wh.x": file(""), "e": {mode: unix.S_IFDIR | 0o755, names: 99}}),
		}), fuse.EIO},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := viewOf(t, serveLies(t, directory(map[string]*lie{"d": tc.lie, "other": file("fine")})))
			v.maxNames = 100
			d, got := lookUp(v, fuse.FUSE_ROOT_ID, "d")
			if got != fuse.OK {
				t.Fatalf("looked up: %v", got)
			}
			if _, got := lookUp(v, d.NodeId, "x"); got != tc.want {
				t.Errorf("listed: %v, want %v", got, tc.want)
			}
			if other, _ := lookUp(v, fuse.FUSE_ROOT_ID, "other"); other.NodeId == 0 {
				t.Error("the file beside it is not there")
			}
		})
	}
	t.Run("of two layers", func(t *testing.T) {
		layers := []string{layerDirectory(t, "a"), layerDirectory(t, "b")}
		for i, layer := range layers {
			for name := range 8 {
				must(t, os.WriteFile(filepath.Join(layer, strconv.Itoa(10*i+name)), nil, 0o644))
			}
		}
		v := viewOf(t, layers...)
		v.maxNames = 19 // 8 each, and "." and ".."
		if _, got := lookUp(v, fuse.FUSE_ROOT_ID, "x"); got != fuse.EIO {
			t.Errorf("20 names where 19 fit: %v", got)
		}
	})
}

// A repository that answers EINTR to all is not asked without end.
func TestInterrupted(t *testing.T) {
	interrupted := file("text")
	interrupted.reads = fuse.Status(unix.EINTR)
	v := viewOf(t, serveLies(t, directory(map[string]*lie{"name": interrupted})))
	out, _ := lookUp(v, fuse.FUSE_ROOT_ID, "name")
	if text, got := readFile(v, out.NodeId); got != fuse.EIO || text != "" {
		t.Errorf("read: %q, %v, want EIO", text, got)
	}
	if n := interrupted.asked.Load(); n < 2 || n > 100 {
		t.Errorf("asked %d times", n)
	}
}

// A name that nobody could look up is not listed; two names are two files, whatever
// a FUSE server says of their numbers.
func TestNamesThatLie(t *testing.T) {
	long, one, other := strings.Repeat("n", 300), file("one"), file("other")
	one.ino, one.nlink, other.ino, other.nlink = 7, 2, 7, 2
	v := viewOf(t, serveLies(t, directory(map[string]*lie{long: file("x"), "one": one, "other": other})))
	buf := fuse.NewDirEntryList(make([]byte, 1<<16), 0)
	v.ReadDir(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID}, Size: 1 << 16}, buf)
	entries, err := fuse.ParseDirEntries(buf.Bytes())
	must(t, err)
	if len(entries) != 4 {
		t.Errorf("listed are %v", entries)
	}
	for name, want := range map[string]string{"one": "one", "other": "other"} {
		out, _ := lookUp(v, fuse.FUSE_ROOT_ID, name)
		if text, got := readFile(v, out.NodeId); text != want {
			t.Errorf("%s holds %q, %v", name, text, got)
		}
	}
}

// threadsEnv, if set, says that this process is the half of TestThreads that has started its threads.
const threadsEnv = "VIEW_TEST_THREADS"

// All threads are there from the start, so that calls that wait, as many as there
// may be at a time, need no further one: the limit of processes is reached meanwhile.
func TestThreads(t *testing.T) {
	if os.Getenv(threadsEnv) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestThreads$", "-test.v")
		cmd.Env = append(os.Environ(), threadsEnv+"=yes", "GOMAXPROCS=2")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestThreads") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	startThreads()
	for inCall(t, unix.SYS_FUTEX) < maxCalls+spareThreads { // until they are idle, which the runtime waits for where it has to
		runtime.Gosched()
	}
	must(t, noMoreThreads())
	var pipe [2]int
	must(t, unix.Pipe(pipe[:]))
	var all sync.WaitGroup
	for range 500 { // each holds a thread, as a read from a repository that hangs
		all.Add(1)
		go func() {
			defer all.Done()
			_ = call(func() error {
				_, err := unix.Read(pipe[0], make([]byte, 1))
				return err
			})
		}()
	}
	for inCall(t, unix.SYS_READ) < maxCalls {
		runtime.Gosched()
	}
	must(t, unix.Close(pipe[1])) // all end
	all.Wait()
}

// inCall is how many threads of this process wait in a system call.
func inCall(t *testing.T, number int) (n int) {
	tasks, err := filepath.Glob("/proc/self/task/*/syscall")
	must(t, err)
	for _, task := range tasks {
		if text, err := os.ReadFile(task); err == nil && strings.HasPrefix(string(text), strconv.Itoa(number)+" ") {
			n++
		}
	}
	return n
}

// noMoreThreads has the kernel end this process if it starts a thread: a limit of
// processes does not bind root, and the Go runtime tries again for a while.
func noMoreThreads() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jt: 1},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jf: 1}, // by C
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}
