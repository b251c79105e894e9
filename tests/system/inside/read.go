package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"
)

var reading = []named{
	{"read whole", func(p *probe) {
		path, c := p.file()
		p.content(path, c)
		p.content(probeDir+"/big", big)
		replaced, c := filePath(13), fileContent(13) // the top layer's
		p.content(replaced, c)
		_, err := os.Stat(p.dir() + "/gone")
		p.result("deleted", err)
	}},
	{"read at odd places", func(p *probe) {
		path, c := p.file()
		fd, err := open(path, unix.O_RDONLY)
		if !p.result("open", err) {
			return
		}
		defer unix.Close(fd)
		for _, at := range [][2]int64{
			{0, 1},
			{1, 4095},
			{4095, 2},
			{4097, 8191},
			{65_535, 3},
			{69_999, 2},
			{69_999, 3},
			{70_000, 4096},
			{70_001, 1},
			{70_002, 1},
			{1 << 40, 9},
			{12_345, 0},
			{-1, 5},
		} {
			p.pread(fd, c, at[0], at[1])
		}
		buf := make([]byte, 100)
		n, err := unix.Preadv(fd, [][]byte{buf[:7], buf[7:7], buf[7:60]}, 333)
		p.say("preadv %d %s", n, errName(err))
		want := make([]byte, 60)
		_, _ = c.ReadAt(want, 333)
		p.bytes("preadv", buf[:max(n, 0)], want)
		_, err = unix.Pwrite(fd, buf, 0)
		p.result("write to read-only descriptor", err)
	}},
	{"read ahead and without waiting", func(p *probe) {
		path, c := p.file()
		fd, err := open(path, unix.O_RDONLY)
		if !p.result("open", err) {
			return
		}
		defer unix.Close(fd)
		p.result("fadvise", unix.Fadvise(fd, 0, 0, unix.FADV_WILLNEED))
		p.result("random", unix.Fadvise(fd, 0, 0, unix.FADV_RANDOM))
		_, _, e := unix.Syscall(unix.SYS_READAHEAD, uintptr(fd), 0, uintptr(c.size))
		p.result("readahead", e)
		p.content(path, c)
		n, err := unix.IoctlGetInt(fd, unix.TIOCINQ) // FIONREAD
		p.say("FIONREAD %d %s", n, errName(err))
	}},
	{"RWF_NOWAIT", func(p *probe) {
		path, c := p.file()
		p.content(path, c) // its pages are in memory now
		fd, _ := open(path, unix.O_RDONLY)
		defer unix.Close(fd)
		buf := make([]byte, 4096)
		n, err := unix.Preadv2(fd, [][]byte{buf}, 0, unix.RWF_NOWAIT)
		p.say("%d %s", n, errName(err))
	}},
	{"O_DIRECT", func(p *probe) {
		path, c := p.file()
		p.direct(path, c)
	}},
	{"O_DIRECT after copy-up", func(p *probe) {
		path, c := p.file()
		p.must("copy up", os.Chmod(path, 0o600))
		p.direct(path, c)
		fd, err := open(path, unix.O_RDWR|unix.O_DIRECT)
		if !p.result("open for writing", err) {
			return
		}
		n, err := unix.Pwrite(fd, aligned(4096), 4096)
		p.say("write %d %s", n, errName(err))
		unix.Close(fd)
	}},
	{"O_NOATIME", func(p *probe) {
		path, c := p.file()
		fd, err := open(path, unix.O_RDONLY|unix.O_NOATIME)
		if p.result("root", err) {
			p.pread(fd, c, 0, 4096)
			unix.Close(fd)
		}
		fd, err = open(p.dir(), unix.O_RDONLY|unix.O_NOATIME|unix.O_DIRECTORY)
		p.result("directory", err)
		unix.Close(fd)
		p.say("user %s", p.role(1000, "open-noatime", path))
	}},
	{"open flags", func(p *probe) {
		path, _ := p.file()
		for _, c := range []struct {
			what, path string
			flags      int
		}{
			{"O_PATH", path, unix.O_PATH},
			{"directory", probeDir, unix.O_RDONLY},
			{"directory for writing", probeDir, unix.O_WRONLY},
			{"file as directory", path, unix.O_DIRECTORY},
			{"link, nofollow", probeDir + "/special/file", unix.O_NOFOLLOW},
			{"link", probeDir + "/special/file", unix.O_RDONLY},
			{"dangling", probeDir + "/special/dangling", unix.O_RDONLY},
			{"dangling, exclusive", probeDir + "/special/dangling", unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY},
			{"loop", probeDir + "/special/loop", unix.O_RDONLY},
			{"create exclusive", path, unix.O_CREAT | unix.O_EXCL | unix.O_RDWR},
			{"deleted", p.dir() + "/gone", unix.O_RDONLY},
			{"marker", dirPath(0) + "/.wh.gone", unix.O_RDONLY},
			{"below a file", path + "/x", unix.O_RDONLY},
			{"slash after a file", path + "/", unix.O_RDONLY},
			{"O_SYNC", path, unix.O_RDONLY | unix.O_SYNC},
			{"O_CREAT existing", path, unix.O_CREAT | unix.O_RDONLY},
		} {
			fd, err := open(c.path, c.flags)
			p.result(c.what, err)
			unix.Close(fd)
		}
	}},
	{"sendfile and splice", func(p *probe) {
		path, c := p.file()
		for _, move := range []string{"sendfile", "splice"} {
			r, w, err := os.Pipe()
			if !p.must("pipe", err) {
				return
			}
			in, err := open(path, unix.O_RDONLY)
			p.must("open", err)
			done := make(chan error, 1)
			go func() { done <- c.same(r) }()
			total := 0
			for {
				var n int
				if move == "sendfile" {
					n, err = unix.Sendfile(int(w.Fd()), in, nil, 30_000)
				} else {
					var m int64
					m, err = unix.Splice(in, nil, int(w.Fd()), nil, 30_000, 0)
					n = int(m)
				}
				if n <= 0 || err != nil {
					break
				}
				total += n
			}
			p.say("%s %d %s", move, total, errName(err))
			w.Close()
			p.must(move, <-done)
			unix.Close(in)
			r.Close()
		}
	}},
	{"copy_file_range", func(p *probe) {
		path, c := p.file()
		other, _ := p.file()
		for _, to := range []string{p.scratch() + "/new", other} {
			p.copied(path, to)
			p.content(to, c)
		}
		p.content(path, c)
		p.must("cp", exec.Command("/bin/cp", path, "/tmp/copied").Run())
		p.content("/tmp/copied", c)
	}},
	{"copy_file_range after copy-up", func(p *probe) {
		path, c := p.file()
		p.must("copy up", os.Chmod(path, 0o600))
		p.copied(path, "/tmp/copied-up")
		p.content("/tmp/copied-up", c)
	}},
	{"FICLONE", func(p *probe) {
		path, _ := p.file()
		in, err := open(path, unix.O_RDONLY)
		p.must("open", err)
		defer unix.Close(in)
		out, err := open("/tmp/clone", unix.O_CREAT|unix.O_RDWR)
		p.must("create", err)
		defer unix.Close(out)
		p.result("lower", unix.IoctlFileClone(out, in))
	}},
}

var seeking = []named{
	{"SEEK_DATA and SEEK_HOLE", func(p *probe) {
		path, c := p.file()
		p.holes(path, c.size)
		p.holes(probeDir+"/empty", 0)
	}},
	{"SEEK_DATA and SEEK_HOLE in zeros", func(p *probe) { p.holes(probeDir+"/zeros", zeros) }},
	{"SEEK_DATA and SEEK_HOLE after copy-up", func(p *probe) {
		path, c := p.file()
		p.must("copy up", os.Chmod(path, 0o600))
		p.holes(path, c.size)
	}},
	{"seek", func(p *probe) {
		path, c := p.file()
		fd, err := open(path, unix.O_RDONLY)
		p.must("open", err)
		defer unix.Close(fd)
		for _, at := range [][2]int64{{-10, io.SeekEnd}, {10, io.SeekEnd}, {-5, io.SeekStart}, {5, io.SeekCurrent}, {0, 9}} {
			off, err := unix.Seek(fd, at[0], int(at[1]))
			p.say("%d %s", off, errName(err))
		}
		_, err = unix.Seek(fd, -10, io.SeekEnd)
		p.must("seek", err)
		buf := make([]byte, 50)
		n, err := unix.Read(fd, buf)
		p.say("read %d %s", n, errName(err))
		want := make([]byte, 10)
		_, _ = c.ReadAt(want, c.size-10)
		p.bytes("tail", buf[:max(n, 0)], want)
	}},
}

// copied copies a file as programs do: by copy_file_range, and by reading and
// writing where the kernel will not.
func (p *probe) copied(from, to string) {
	in, err := os.Open(from)
	p.must("open", err)
	defer in.Close()
	out, err := os.Create(to)
	p.must("create", err)
	defer out.Close()
	total := 0
	for {
		n, err := unix.CopyFileRange(int(in.Fd()), nil, int(out.Fd()), nil, 1<<20, 0)
		if n <= 0 || err != nil {
			p.say("copied %d, then %d %s", total, n, errName(err))
			break
		}
		total += n
	}
	_, err = io.Copy(struct{ io.Writer }{out}, in) // the wrapping keeps Go from copy_file_range
	p.must("copy the rest", err)
}

func (p *probe) pread(fd int, c content, off, size int64) {
	buf, want := make([]byte, size), make([]byte, size)
	n, err := unix.Pread(fd, buf, off)
	p.say("%d+%d %d %s", off, size, n, errName(err))
	if off >= 0 {
		w, _ := c.ReadAt(want, off)
		p.bytes("pread", buf[:max(n, 0)], want[:w])
	}
}

// direct reads past the page cache, aligned and not.
func (p *probe) direct(path string, c content) {
	fd, err := open(path, unix.O_RDONLY|unix.O_DIRECT)
	if !p.result("open", err) {
		return
	}
	defer unix.Close(fd)
	buf := aligned(1 << 17)
	for _, at := range [][3]int{{0, 4096, 0}, {4096, 65_536, 0}, {69_632, 4096, 0}, {73_728, 4096, 0}, {100, 4096, 0}, {0, 100, 0}, {0, 4096, 3}} {
		n, err := unix.Pread(fd, buf[at[2]:at[2]+at[1]], int64(at[0]))
		p.say("%d+%d at memory %d: %d %s", at[0], at[1], at[2], n, errName(err))
		if err == nil {
			want := make([]byte, at[1])
			w, _ := c.ReadAt(want, int64(at[0]))
			p.bytes("direct read", buf[at[2]:at[2]+n], want[:w])
		}
	}
}

// aligned gives memory for O_DIRECT.
func aligned(size int) []byte {
	buf := bytes.Repeat([]byte{'A'}, size+4096)
	skip := 4096 - int(uintptr(unsafe.Pointer(&buf[0]))%4096)
	return buf[skip : skip+size]
}

func (p *probe) holes(path string, size int64) {
	fd, err := open(path, unix.O_RDONLY)
	if !p.must("open", err) {
		return
	}
	defer unix.Close(fd)
	for _, off := range []int64{0, 5000, size - 1, size, size + 1, -1} {
		data, err := unix.Seek(fd, off, unix.SEEK_DATA)
		hole, err2 := unix.Seek(fd, off, unix.SEEK_HOLE)
		p.say("at %d data %d %s hole %d %s", off, data, errName(err), hole, errName(err2))
	}
}
