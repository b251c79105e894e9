package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ptraceSyscallInfo asks what a thread is stopped for, the same on all machines
// (ptrace(2), PTRACE_GET_SYSCALL_INFO).
const ptraceSyscallInfo = 0x420e

// stopped is a thread that asks for a call.
type stopped struct {
	tid  int
	nr   int
	args [6]uint64
}

func stoppedAt(tid int) (stopped, error) {
	var info [88]byte // struct ptrace_syscall_info; from 24: number, arguments
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceSyscallInfo, uintptr(tid), uintptr(len(info)), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return stopped{}, fmt.Errorf("asking for a system call: %w", errno)
	}
	s := stopped{tid: tid, nr: int(binary.NativeEndian.Uint64(info[24:]))}
	for i := range s.args {
		s.args[i] = binary.NativeEndian.Uint64(info[32+8*i:])
	}
	return s, nil
}

func (s stopped) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", s.tid, name) }

// path is what a call names, as far as it can be told: "" for what has none.
func (s stopped) path(n name) string {
	var given string
	if n.path != none {
		given = s.text(uintptr(s.args[n.path]))
	}
	if filepath.IsAbs(given) {
		return filepath.Clean(given)
	}
	at := "cwd"
	if n.dir != none && int32(s.args[n.dir]) != unix.AT_FDCWD {
		at = fmt.Sprintf("fd/%d", int32(s.args[n.dir]))
	}
	base, err := os.Readlink(s.proc(at))
	if err != nil || !filepath.IsAbs(base) { // a pipe, a socket
		return ""
	}
	return filepath.Join(base, given)
}

// text reads a string of the thread's, of at most a page.
func (s stopped) text(address uintptr) string {
	buf := make([]byte, unix.PathMax)
	// never over the end of a page, behind which there may be nothing
	n := min(len(buf), os.Getpagesize()-int(address)%os.Getpagesize())
	var text []byte
	for address != 0 && len(text) < unix.PathMax {
		local := []unix.Iovec{{Base: &buf[0], Len: uint64(n)}}
		got, err := unix.ProcessVMReadv(s.tid, local, []unix.RemoteIovec{{Base: address, Len: n}}, 0)
		if err != nil || got <= 0 {
			break
		}
		if end := bytes.IndexByte(buf[:got], 0); end >= 0 {
			return string(append(text, buf[:end]...))
		}
		text = append(text, buf[:got]...)
		address += uintptr(got)
		n = len(buf)
	}
	return string(text)
}

// opensOnly says whether a call would make a file, and that is there already.
func (s stopped) opensOnly(name string) bool {
	if s.nr != unix.SYS_OPENAT || s.args[2]&unix.O_TRUNC != 0 {
		return false
	}
	var there unix.Stat_t
	return unix.Lstat(s.proc("root")+name, &there) == nil
}

// watch knows what is of interest.
type watch struct {
	dirs       []string
	root       unix.Stat_t
	namespaces string
}

func newWatch(dirs []string) (*watch, error) {
	w := &watch{}
	for _, dir := range dirs {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, err
		}
		w.dirs = append(w.dirs, dir, real)
	}
	var err error
	if w.namespaces, err = os.Readlink("/proc/self/ns/mnt"); err != nil {
		return nil, err
	}
	return w, unix.Stat("/", &w.root)
}

// changed returns what of interest a call names, or "".
func (w *watch) changed(s stopped) string {
	c := calls[s.nr]
	if c.mounts {
		if namespace, err := os.Readlink(s.proc("ns/mnt")); err != nil || namespace != w.namespaces {
			return ""
		}
		return s.path(c.names[0])
	}
	for _, n := range c.names {
		if name := s.path(n); name != "" && w.below(name, s) && !s.opensOnly(name) && !(c.shapes && strings.HasSuffix(name, ".lock")) {
			return name
		}
	}
	return ""
}

// below says whether a path is in one of the directories. Whoever unpacks a
// layer has made its directory his root.
func (w *watch) below(name string, s stopped) bool {
	for _, dir := range w.dirs {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	var root unix.Stat_t
	if unix.Stat(s.proc("root"), &root) != nil {
		return false
	}
	return (root.Dev != w.root.Dev || root.Ino != w.root.Ino) && !strings.HasPrefix(name, "/proc/") && !strings.HasPrefix(name, "/dev/")
}
