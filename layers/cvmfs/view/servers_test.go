package view

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// A caller that lives on has no thread for each process that it started, and
// collects all of them when they end.
func TestReap(t *testing.T) {
	path, err := helper.Find(helper.View)
	if err != nil {
		t.Fatal(err)
	}
	const many = 24
	for name, old := range map[string]bool{"with pidfd": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			before := threads(t)
			var pids []int
			for range many {
				pidfd := -1
				cmd := exec.Command(path, spec.Await)
				in, err := cmd.StdinPipe() // which it reads
				if err != nil {
					t.Fatal(err)
				}
				cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { in.Close() })
				if old && pidfd >= 0 {
					unix.Close(pidfd)
					pidfd = -1
				}
				reap(cmd, pidfd)
				pids = append(pids, cmd.Process.Pid)
			}
			if n := threads(t) - before; n > many/2 {
				t.Errorf("%d threads more for %d processes", n, many)
			}
			for _, pid := range pids {
				if err := unix.Kill(pid, unix.SIGKILL); err != nil {
					t.Error(err)
				}
			}
			for _, pid := range pids {
				for i := 0; unix.Kill(pid, 0) == nil; i++ {
					if i > 6000 {
						t.Fatalf("process %d is not collected", pid)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

// Who looks into a mount whose server is stopped gets an error that says so, and
// names it; whatever a server answers is an answer, and so is that there is none.
func TestLook(t *testing.T) {
	at := mountpoint(t)
	if _, err := Served.Stack(spec.Spec{Layers: []spec.Layer{tree(t, "a=1")}}, at); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(t.TempDir(), "servers", "id")
	if err := NoteServers(note, []int{at.Server, 1 << 30}); err != nil {
		t.Fatal(err)
	}
	servers := NotedServers(note)
	if len(servers) != 1 || servers[0].PID != at.Server {
		t.Fatalf("servers noted: %v", servers)
	}
	if err := Look(at.Dir, servers, time.Minute); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(at.Server, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for i := 0; !servers[0].Stopped() && i < 6000; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	err := Look(at.Dir, servers, time.Second)
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprintf("kill -CONT %d", at.Server)) {
		t.Errorf("of a server that is stopped: %v", err)
	}
	if err := unix.Kill(at.Server, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := Look(at.Dir, servers, time.Minute); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(at.Server, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := Look(at.Dir, servers, time.Minute); err != nil {
		t.Error(err)
	}
	for i := 0; len(NotedServers(note)) > 0; i++ {
		if i > 6000 {
			t.Fatal("a process that has ended is told of")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A process ID that is another process's by now is not the server's.
func TestNotedServersOthers(t *testing.T) {
	note := filepath.Join(t.TempDir(), "id")
	text := fmt.Sprintf("%d 1\n%d\nx y\n-1 5\n", os.Getpid(), os.Getpid())
	if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := NotedServers(note); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := NotedServers(note + ".none"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
