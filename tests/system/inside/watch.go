package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var watching = []named{
	{"inotify of a file", func(p *probe) {
		path, _ := p.file()
		fd := p.watch(path)
		if fd < 0 {
			return
		}
		defer unix.Close(fd)
		_, err := os.ReadFile(path)
		p.must("read", err)
		p.events(fd, "read")
		p.role(0, "overwrite", path, "0", "NEW")
		p.events(fd, "write by another process")
		p.role(0, "overwrite", path, "0", "ONE")
		p.events(fd, "write again")
		p.must("chmod", os.Chmod(path, 0o600))
		p.events(fd, "chmod")
		p.must("rename", os.Rename(path, path+"-new"))
		p.events(fd, "rename")
		p.must("unlink", os.Remove(path+"-new"))
		p.events(fd, "unlink")
	}},
	{"inotify of a directory", func(p *probe) {
		dir := p.dir()
		fd := p.watch(dir)
		if fd < 0 {
			return
		}
		defer unix.Close(fd)
		p.must("read", func() error { _, err := os.ReadFile(dir + "/a"); return err }())
		p.events(fd, "read")
		p.role(0, "overwrite", dir+"/a", "0", "NEW")
		p.events(fd, "write by another process")
		p.must("chmod", os.Chmod(dir+"/b", 0o600))
		p.events(fd, "chmod")
		p.must("create", os.WriteFile(dir+"/new", []byte("x"), 0o644))
		p.events(fd, "create")
		p.must("rename", os.Rename(dir+"/b", dir+"/b2"))
		p.events(fd, "rename")
		p.must("unlink", os.Remove(dir+"/c"))
		p.events(fd, "unlink")
		p.must("mkdir", os.Mkdir(dir+"/made", 0o755))
		p.events(fd, "mkdir")
		p.must("list", func() error { _, err := os.ReadDir(dir); return err }())
		p.events(fd, "list")
		for _, name := range []string{"a", "b2", "new", "made", "sub/x", "sub/y", "sub", ""} { // in our order, not the listing's
			p.must("rm", os.Remove(dir+"/"+name))
		}
		p.events(fd, "delete all")
	}},
	{"inotify of what the image has not", func(p *probe) {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		p.must("inotify", err)
		defer unix.Close(fd)
		_, err = unix.InotifyAddWatch(fd, p.dir()+"/gone", unix.IN_ALL_EVENTS)
		p.result("deleted", err)
		_, err = unix.InotifyAddWatch(fd, probeDir+"/empty", unix.IN_ALL_EVENTS|unix.IN_ONLYDIR)
		p.result("file as directory", err)
	}},
}

func (p *probe) watch(path string) int {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	p.must("inotify", err)
	_, err = unix.InotifyAddWatch(fd, path, unix.IN_ALL_EVENTS)
	if !p.result("watch", err) {
		return -1
	}
	return fd
}

var eventNames = []string{
	"access", "modify", "attrib", "close-write", "close", "open", "moved-from", "moved-to", "create",
	"delete", "delete-self", "move-self",
}

// events says what was told of a step. The same event in a row counts once: how
// many reads a read takes is nobody's business.
func (p *probe) events(fd int, step string) {
	var told []string
	buf := make([]byte, 64<<10)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, 50); err != nil {
		p.say("poll %s", errName(err))
	}
	n, err := unix.Read(fd, buf)
	for b := buf[:max(n, 0)]; len(b) > 0; {
		mask, size := binary.NativeEndian.Uint32(b[4:]), 16+binary.NativeEndian.Uint32(b[12:])
		event := unix.ByteSliceToString(b[16:size])
		for i, name := range eventNames {
			if mask&(1<<i) != 0 {
				event += ":" + name
			}
		}
		if rest := mask &^ 0xfff; rest != 0 {
			event += fmt.Sprintf(":%#x", rest)
		}
		if len(told) == 0 || told[len(told)-1] != event {
			told = append(told, event)
		}
		b = b[size:]
	}
	p.say("%s: %s [%s]", step, errName(err), strings.Join(told, " "))
}
