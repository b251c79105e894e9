package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

var changing = []named{
	{"append", func(p *probe) {
		path, c := p.file()
		p.write(path, unix.O_WRONLY|unix.O_APPEND, "appended")
		p.holdsBytes(path, append(c.bytes(), "appended"...))
	}},
	{"overwrite", func(p *probe) {
		path, c := p.file()
		fd, err := open(path, unix.O_RDWR)
		p.result("open", err)
		_, err = unix.Pwrite(fd, []byte("over"), 33_333)
		p.result("pwrite", err)
		unix.Close(fd)
		want := c.bytes()
		copy(want[33_333:], "over")
		p.holdsBytes(path, want)
	}},
	{"O_TRUNC", func(p *probe) {
		path, _ := p.file()
		p.write(path, unix.O_WRONLY|unix.O_TRUNC, "short")
		p.holdsBytes(path, []byte("short"))
	}},
	{"truncate", func(p *probe) {
		for _, size := range []int64{12_345, 90_000} {
			path, c := p.file()
			p.result(fmt.Sprint(size), unix.Truncate(path, size))
			want := c.bytes()
			want = append(want, make([]byte, 90_000)...)
			p.holdsBytes(path, want[:size])
		}
	}},
	{"fallocate", func(p *probe) {
		path, c := p.file()
		fd, err := open(path, unix.O_RDONLY)
		p.must("open", err)
		p.result("read-only", unix.Fallocate(fd, 0, 0, 4096))
		unix.Close(fd)
		fd, err = open(path, unix.O_RDWR)
		p.must("open", err)
		defer unix.Close(fd)
		for _, mode := range []uint32{
			0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
			unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_COLLAPSE_RANGE, unix.FALLOC_FL_INSERT_RANGE, unix.FALLOC_FL_UNSHARE_RANGE,
		} {
			err := unix.Fallocate(fd, mode, 8192, 80_000)
			var st unix.Stat_t
			p.must("fstat", unix.Fstat(fd, &st))
			p.say("%#x %s size %d", mode, errName(err), st.Size)
		}
		got, err := os.ReadFile(path)
		p.must("read", err)
		p.bytes("start", got[:8192], c.bytes()[:8192])
		p.bytes("hole", got[8192:16_384], make([]byte, 8192))
	}},
	{"copy-up of 200 MB", func(p *probe) {
		path := probeDir + "/big"
		p.write(path, unix.O_WRONLY|unix.O_APPEND, "!")
		f, err := os.Open(path)
		p.must("open", err)
		defer f.Close()
		longer := make([]byte, 1)
		_, err = f.ReadAt(longer, bigSize)
		p.must("read", err)
		p.bytes("tail", longer, []byte("!"))
		p.must("truncate", os.Truncate(path, bigSize))
		p.content(path, big)
		p.result("fsync", f.Sync())
		p.result("syncfs", unix.Syncfs(int(f.Fd())))
	}},
	{"zeros copied up", func(p *probe) {
		path := probeDir + "/zeros"
		p.must("chmod", os.Chmod(path, 0o600))
		p.holdsBytes(path, make([]byte, zeros))
	}},
	{"O_TMPFILE", func(p *probe) {
		dir := p.dir()
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o640)
		if !p.result("open", err) {
			return
		}
		defer unix.Close(fd)
		_, err = unix.Write(fd, []byte("unnamed"))
		p.result("write", err)
		p.say("listed %d", p.count(dir))
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, dir+"/named", unix.AT_SYMLINK_FOLLOW)
		if p.result("link", err) {
			p.holdsBytes(dir+"/named", []byte("unnamed"))
			p.stat(dir + "/named")
		}
	}},
	{"descriptors of a file that is copied up", func(p *probe) {
		path, c := p.file()
		before, err := os.Open(path)
		p.must("open", err)
		defer before.Close()
		p.write(path, unix.O_WRONLY|unix.O_APPEND, "appended")
		var st unix.Stat_t
		p.must("fstat", unix.Fstat(int(before.Fd()), &st))
		buf := make([]byte, 20)
		n, err := before.ReadAt(buf, c.size)
		p.say("size grew by %d, read %d %s", st.Size-c.size, n, errName(err))
		p.result("fchmod", before.Chmod(0o755))
		p.stat(path)
	}},
	{"delete an open file", func(p *probe) {
		for _, up := range []bool{false, true} {
			path, c := p.file()
			if up {
				p.must("copy up", os.Chmod(path, 0o600))
			}
			f, err := os.Open(path)
			p.must("open", err)
			p.result("unlink", unix.Unlink(path))
			_, err = os.Lstat(path)
			p.result("stat", err)
			p.must("content", c.same(f))
			var st unix.Stat_t
			p.result("fstat", unix.Fstat(int(f.Fd()), &st))
			p.say("links %d", st.Nlink)
			p.result("fchmod", f.Chmod(0o640))
			f.Close()
			p.write(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, "again")
			p.holdsBytes(path, []byte("again"))
		}
	}},
	{"delete and make anew", func(p *probe) {
		dir := p.dir()
		p.result("rmdir", unix.Rmdir(dir))
		p.result("unlink of a directory", unix.Unlink(dir))
		p.result("rm -r", exec.Command("/bin/rm", "-r", dir).Run())
		_, err := os.Stat(dir)
		p.result("stat", err)
		p.result("mkdir", os.Mkdir(dir, 0o750))
		p.say("holds %d", p.count(dir))
		p.stat(dir)
		_, err = os.Stat(dir + "/a")
		p.result("old name", err)
		p.result("rmdir", unix.Rmdir(dir))
		p.write(dir, unix.O_CREAT|unix.O_WRONLY, "a file now")
		p.holdsBytes(dir, []byte("a file now"))
	}},
	{"changes by a user", func(p *probe) {
		path, c := p.file()
		p.say("%s", p.role(1000, "trespass", path, p.dir()))
		p.content(path, c)
	}},
}

// write opens a file, writes and closes it.
func (p *probe) write(path string, flags int, text string) {
	fd, err := open(path, flags)
	if !p.result("open", err) {
		return
	}
	_, err = unix.Write(fd, []byte(text))
	p.result("write", err)
	p.result("close", unix.Close(fd))
}

// holdsBytes compares a whole file with bytes at hand.
func (p *probe) holdsBytes(path string, want []byte) {
	got, err := os.ReadFile(path)
	p.must("read", err)
	p.bytes(path, got, want)
}

// stat says what of a file's metadata may not differ.
func (p *probe) stat(path string) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	p.say("mode %o uid %d gid %d %s", st.Mode, st.Uid, st.Gid, errName(err))
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		p.say("links %d size %d", st.Nlink, st.Size)
	}
}

func (p *probe) mtime(path string) {
	var st unix.Stat_t
	p.must("stat", unix.Lstat(path, &st))
	p.say("mtime %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
}

// count gives the number of names in a directory.
func (p *probe) count(dir string) int {
	entries, err := os.ReadDir(dir)
	p.must("list", err)
	return len(entries)
}
