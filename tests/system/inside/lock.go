package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// locks tries, as another process, every lock on a file, without waiting.
func locks(path, flags string) string {
	mode := unix.O_RDONLY
	if flags == "write" {
		mode = unix.O_RDWR
	}
	fd, err := open(path, mode)
	if err != nil {
		return "open " + errName(err)
	}
	answer := fmt.Sprintf("flock shared %s, exclusive %s", errName(unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB)),
		errName(unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)))
	asked := whole(unix.F_WRLCK)
	err = unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &asked)
	answer += fmt.Sprintf(", asked %d by parent %v %s", asked.Type, int(asked.Pid) == os.Getppid(), errName(err))
	for _, kind := range []int16{unix.F_RDLCK, unix.F_WRLCK} {
		for _, how := range []int{unix.F_SETLK, unix.F_OFD_SETLK} {
			lock := whole(kind)
			answer += fmt.Sprintf(", %d by %d %s", kind, how, errName(unix.FcntlFlock(uintptr(fd), how, &lock)))
			lock = whole(unix.F_UNLCK)
			_ = unix.FcntlFlock(uintptr(fd), how, &lock)
		}
	}
	return answer
}

func whole(kind int16) unix.Flock_t { return unix.Flock_t{Type: kind} }

var locking = []named{
	{"flock", func(p *probe) {
		path, c := p.file()
		for _, how := range []int{unix.LOCK_SH, unix.LOCK_EX} {
			fd, err := open(path, unix.O_RDONLY)
			p.must("open", err)
			p.result(fmt.Sprint(how), unix.Flock(fd, how))
			p.say("other: %s", p.role(0, "locks", path, "read"))
			p.result("unlock", unix.Flock(fd, unix.LOCK_UN))
			unix.Close(fd)
		}
		p.say("released: %s", p.role(0, "locks", path, "read"))
		p.content(path, c)
	}},
	{"flock of a directory", func(p *probe) {
		fd := p.opened(p.dir())
		defer unix.Close(fd)
		p.result("exclusive", unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB))
		p.say("other: %s", p.role(0, "locks", dirPath(p.dirs-1), "read"))
	}},
	{"fcntl", func(p *probe) {
		for _, how := range []int{unix.F_SETLK, unix.F_OFD_SETLK} {
			path, _ := p.file()
			fd, err := open(path, unix.O_RDONLY)
			p.must("open", err)
			lock := whole(unix.F_WRLCK)
			p.result("write lock on a read-only descriptor", unix.FcntlFlock(uintptr(fd), how, &lock))
			lock = whole(unix.F_RDLCK)
			p.result("read lock", unix.FcntlFlock(uintptr(fd), how, &lock))
			p.say("other: %s", p.role(0, "locks", path, "read"))
			p.say("other that writes: %s", p.role(0, "locks", path, "write"))
			unix.Close(fd)
			p.say("closed: %s", p.role(0, "locks", path, "write"))
		}
	}},
	{"fcntl, for writing", func(p *probe) {
		path, _ := p.file()
		fd, err := open(path, unix.O_RDWR)
		p.must("open", err)
		defer unix.Close(fd)
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 100, Len: 10}
		p.result("a range", unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock))
		p.say("other: %s", p.role(0, "locks", path, "write"))
	}},
	{"lock before copy-up", func(p *probe) {
		path, _ := p.file()
		fd, err := open(path, unix.O_RDONLY)
		p.must("open", err)
		defer unix.Close(fd)
		p.result("flock", unix.Flock(fd, unix.LOCK_EX))
		p.role(0, "overwrite", path, "0", "NEW")
		p.say("other: %s", p.role(0, "locks", path, "write"))
	}},
	{"lease", func(p *probe) {
		path, _ := p.file()
		fd, err := open(path, unix.O_RDONLY)
		p.must("open", err)
		defer unix.Close(fd)
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
		p.result("read", err)
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		p.result("given back", err)
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, 0)
		p.result("seal", err)
	}},
}
