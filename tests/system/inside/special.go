package main

import (
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var special = []named{
	{"FIFO of the image", func(p *probe) {
		path := probeDir + "/special/fifo"
		p.stat(path)
		_, err := open(path, unix.O_WRONLY|unix.O_NONBLOCK)
		p.result("writer without a reader", err)
		fd, err := open(path, unix.O_RDONLY|unix.O_NONBLOCK)
		if !p.result("reader", err) {
			return
		}
		defer unix.Close(fd)
		p.role(0, "overwrite-fifo", path, "through the pipe")
		buf := make([]byte, 100)
		n, err := unix.Read(fd, buf)
		p.say("read %q %s", buf[:max(n, 0)], errName(err))
		p.result("chmod", os.Chmod(path, 0o600))
		p.stat(path)
	}},
	{"sockets in directories of the image", func(p *probe) {
		dir := p.dir()
		listener, err := net.Listen("unix", dir+"/socket")
		if !p.result("listen", err) {
			return
		}
		defer listener.Close()
		p.stat(dir + "/socket")
		_, err = net.Listen("unix", dir+"/a")
		p.result("over a file", err)
		_, err = net.Dial("unix", dir+"/a")
		p.result("dial a file", err)
		p.say("%s", p.role(0, "send", dir+"/socket", "through the socket"))
		_ = listener.(*net.UnixListener).SetDeadline(time.Now().Add(5 * time.Second))
		conn, err := listener.Accept()
		if p.result("accept", err) {
			got, err := io.ReadAll(conn)
			p.say("%q %s", got, errName(err))
		}
	}},
	{"mknod", func(p *probe) {
		dir := p.dir()
		for _, c := range []struct {
			what string
			mode uint32
			dev  uint64
		}{
			{"fifo", unix.S_IFIFO, 0},
			{"socket", unix.S_IFSOCK, 0},
			{"file", unix.S_IFREG, 0},
			{"null", unix.S_IFCHR, unix.Mkdev(1, 3)},
			{"whiteout", unix.S_IFCHR, 0},
			{"disk", unix.S_IFBLK, unix.Mkdev(7, 0)},
		} {
			p.result(c.what, unix.Mknod(dir+"/"+c.what, c.mode|0o644, int(c.dev)))
		}
		p.say("holds %d", p.count(dir))
	}},
	{"umask", func(p *probe) {
		dir := p.dir()
		unix.Umask(0o027)
		p.must("mkdir", os.Mkdir(dir+"/d", 0o777))
		p.must("create", os.WriteFile(dir+"/f", nil, 0o666))
		p.stat(dir + "/d")
		p.stat(dir + "/f")
	}},
	{"setgid directory", func(p *probe) {
		dir := probeDir + "/special/setgid"
		p.result("chgrp", unix.Chown(dir, -1, 1000))
		p.result("chmod", unix.Chmod(dir, 0o2777))
		p.must("mkdir", os.Mkdir(dir+"/d", 0o755))
		p.must("create", os.WriteFile(dir+"/f", nil, 0o644))
		p.stat(dir + "/d")
		p.stat(dir + "/f")
	}},
	{"sticky directory", func(p *probe) {
		dir := probeDir + "/special/sticky"
		p.stat(dir)
		p.say("user: %s", p.role(1000, "sticky", dir))
		p.stat(dir + "/user")
		p.say("user where all may: %s", p.role(1000, "sticky", probeDir+"/special/open"))
	}},
}

// sticky is what a user tries in a directory that all may write to.
func sticky(dir string) string {
	create := os.WriteFile(dir+"/user", []byte("user's"), 0o644)
	return "create " + errName(create) +
		", delete root's " + errName(unix.Unlink(dir+"/root")) +
		", rename root's " + errName(unix.Rename(dir+"/root", dir+"/stolen")) +
		", rename own " + errName(unix.Rename(dir+"/user", dir+"/user2")) +
		", back " + errName(unix.Rename(dir+"/user2", dir+"/user"))
}

func writeFIFO(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.WriteString(f, text)
	return err
}
