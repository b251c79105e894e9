//go:build linux

package view

import (
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// reapEvery is how often processes are looked after whose end nothing tells.
const reapEvery = time.Second

// reaped are the processes that reapOld looks after.
var reaped struct {
	sync.Mutex
	list []*exec.Cmd
}

// reap collects a process when it ends. A caller that lives on, such as podman's API
// service, has one for each view. To wait for it in waitid(2) would take a thread
// each; pidfd is polled together with all others. It is -1 where the kernel has none
// (before Linux 5.3).
func reap(cmd *exec.Cmd, pidfd int) {
	if pidfd < 0 {
		reapOld(cmd)
		return
	}
	if err := unix.SetNonblock(pidfd, true); err != nil { // else it would not be polled
		unix.Close(pidfd)
		reapOld(cmd)
		return
	}
	f := os.NewFile(uintptr(pidfd), "pidfd")
	ended := func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return err != nil && err != unix.EINTR || n > 0
	}
	go func() {
		defer f.Close()
		if conn, err := f.SyscallConn(); err != nil || conn.Read(ended) != nil {
			reapOld(cmd)
			return
		}
		_ = cmd.Wait()
	}()
}

// reapOld collects a process by asking again and again, in one goroutine for all.
func reapOld(cmd *exec.Cmd) {
	reaped.Lock()
	defer reaped.Unlock()
	reaped.list = append(reaped.list, cmd)
	if len(reaped.list) == 1 {
		time.AfterFunc(reapEvery, reapList)
	}
}

func reapList() {
	reaped.Lock()
	defer reaped.Unlock()
	running := reaped.list[:0]
	for _, cmd := range reaped.list {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == nil && info.Signo == 0 || err == unix.EINTR {
			running = append(running, cmd)
			continue
		}
		_ = cmd.Wait() // returns at once
	}
	reaped.list = running
	if len(running) > 0 {
		time.AfterFunc(reapEvery, reapList)
	}
}
