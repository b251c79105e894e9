package main

import (
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

var names = []named{
	{"names that cannot be", func(p *probe) {
		for _, c := range [][2]string{
			{"255 bytes", strings.Repeat("n", 255)},
			{"256 bytes", strings.Repeat("n", 256)},
			{"path of 4,095", strings.Repeat("./", 2047) + "x"},
			{"path of 4,096", strings.Repeat("./", 2048)},
			{"empty", ""},
			{"marker", ".wh.x"},
			{"opaque marker", ".wh..wh..opq"},
			{"catalogue", ".cvmfscatalog"},
		} {
			p.must("chdir", os.Chdir(probeDir+"/dirs"))
			var st unix.Stat_t
			p.result(c[0], unix.Stat(c[1], &st))
		}
	}},
	{"markers made in the container", func(p *probe) {
		dir := p.dir()
		for _, name := range []string{".wh.a", ".wh..wh..opq", ".cvmfscatalog"} {
			p.write(dir+"/"+name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, "x")
		}
		p.say("names %d", p.count(dir))
		_, err := os.Stat(dir + "/a")
		p.result("what the marker names", err)
	}},
	{"make what is there", func(p *probe) {
		path, _ := p.file()
		dir := p.dir()
		p.result("mkdir over a file", unix.Mkdir(path, 0o755))
		p.result("mkdir over a directory", unix.Mkdir(dir, 0o755))
		p.result("symlink", unix.Symlink("x", path))
		p.result("mknod", unix.Mknod(path, unix.S_IFIFO|0o644, 0))
		p.result("link", unix.Link(path, dir+"/a"))
		p.result("rmdir of a file", unix.Rmdir(path))
		p.result("rmdir of what is not empty", unix.Rmdir(dir))
		p.result("unlink of what is not there", unix.Unlink(dir+"/gone"))
		p.result("mkdir where one was deleted", unix.Mkdir(dir+"/gone", 0o755))
		p.say("holds %d", p.count(dir+"/gone"))
	}},
	{"a very long path", func(p *probe) {
		p.must("chdir", os.Chdir(probeDir+"/deep"))
		for level := range deepLevel {
			if !p.must("chdir", unix.Chdir(deepName(level))) {
				return
			}
		}
		buf := make([]byte, 8192)
		n, err := unix.Getcwd(buf)
		p.say("getcwd %d %s", n, errName(err))
		p.holdsBytes("f", []byte("13\n"))
		path := strings.TrimRight(string(buf[:max(n, 0)]), "\x00")
		p.holdsBytes(path+"/f", []byte("13\n"))
		for range 12 { // beyond PATH_MAX
			name := strings.Repeat("u", 250)
			p.must("mkdir", unix.Mkdir(name, 0o755))
			p.must("chdir", unix.Chdir(name))
		}
		p.write("bottom", unix.O_CREAT|unix.O_WRONLY, "deep")
		p.holdsBytes("bottom", []byte("deep"))
		_, err = unix.Getcwd(buf)
		p.result("getcwd", err)
		_, err = os.Stat(path + strings.Repeat("/"+strings.Repeat("u", 250), 12))
		p.result("whole path", err)
		for range deepLevel + 12 {
			p.must("chdir", unix.Chdir(".."))
		}
		_, err = os.Stat(deepName(0))
		p.result("back", err)
	}},
}

var linking = []named{
	{"hard link to a file of the image", func(p *probe) {
		path, c := p.file()
		dir := p.dir()
		p.result("link", unix.Link(path, dir+"/linked"))
		p.stat(path)
		p.say("same file %v", sameFile(path, dir+"/linked"))
		p.content(dir+"/linked", c)
		p.write(dir+"/linked", unix.O_WRONLY|unix.O_APPEND, "both")
		p.holdsBytes(path, append(c.bytes(), "both"...))
		p.result("unlink", unix.Unlink(path))
		p.stat(dir + "/linked")
		p.result("link to a link", unix.Link(probeDir+"/special/dir", dir+"/symlink"))
		p.result("link to a directory", unix.Link(dir+"/sub", dir+"/sub2"))
	}},
	{"hard link of the image", func(p *probe) {
		p.stat(probeDir + "/special/one")
		p.say("same file %v", sameFile(probeDir+"/special/one", probeDir+"/special/two"))
		p.holdsBytes(probeDir+"/special/two", []byte("linked\n"))
	}},
	{"symbolic links", func(p *probe) {
		for _, name := range []string{"file", "dir", "dangling", "loop"} {
			target, err := os.Readlink(probeDir + "/special/" + name)
			info, _ := os.Lstat(probeDir + "/special/" + name)
			p.say("%s %q %d %s", name, target, info.Size(), errName(err))
		}
		_, err := os.Readlink(probeDir + "/empty")
		p.result("of a file", err)
		p.result("rename", unix.Rename(probeDir+"/special/loop", probeDir+"/special/loop2"))
		p.result("unlink", unix.Unlink(probeDir+"/special/loop2"))
	}},
}

var renaming = []named{
	{"rename a file", func(p *probe) {
		path, c := p.file()
		dir := p.dir()
		p.result("to a new name", unix.Rename(path, path+"-new"))
		p.content(path+"-new", c)
		_, err := os.Stat(path)
		p.result("old name", err)
		p.result("over a file of the image", unix.Rename(path+"-new", dir+"/a"))
		p.content(dir+"/a", c)
		p.say("holds %d", p.count(dir))
		p.result("over a directory", unix.Rename(dir+"/a", dir+"/sub"))
		p.result("onto itself", unix.Rename(dir+"/a", dir+"/a"))
		other, c := p.file()
		p.write("/tmp/upper", unix.O_CREAT|unix.O_WRONLY, "upper")
		p.result("over a new file", unix.Rename(other, "/tmp/upper"))
		p.content("/tmp/upper", c)
	}},
	{"rename a directory of the image", func(p *probe) {
		dir := p.dir()
		p.result("beside", unix.Rename(dir, dir+"-new"))
		p.result("below itself", unix.Rename(dir, dir+"/sub/x"))
		p.result("inner", unix.Rename(dir+"/sub", dir+"/sub2"))
		p.result("mv", exec.Command("/bin/mv", dir, dir+"-moved").Run())
		p.say("holds %d", p.count(dir+"-moved"))
		_, err := os.Stat(dir)
		p.result("old name", err)
	}},
	{"rename a directory over one", func(p *probe) {
		dir := p.dir()
		fresh := p.scratch()
		p.write(fresh+"/mine", unix.O_CREAT|unix.O_WRONLY, "mine")
		p.result("over a full one", unix.Rename(fresh, dir))
		p.result("over a file", unix.Rename(fresh, dir+"/a"))
		p.must("empty", exec.Command("/bin/sh", "-c", "rm -r "+dir+"/*").Run())
		p.result("over an emptied one", unix.Rename(fresh, dir))
		p.say("holds %d", p.count(dir))
		_, err := os.Stat(dir + "/a")
		p.result("old content", err)
	}},
	{"rename a new directory to where one was deleted", func(p *probe) {
		dir := p.dir()
		fresh := p.scratch()
		p.must("mkdir", os.Mkdir(fresh+"/sub", 0o755))
		p.must("delete", exec.Command("/bin/rm", "-r", dir).Run())
		p.result("rename", unix.Rename(fresh, dir))
		p.say("holds %d and %d", p.count(dir), p.count(dir+"/sub"))
	}},
	{"RENAME_EXCHANGE", func(p *probe) {
		one, c1 := p.file()
		two, c2 := p.file()
		if p.result("files", unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, two, unix.RENAME_EXCHANGE)) {
			p.content(one, c2)
			p.content(two, c1)
		}
		dir := p.dir()
		p.result("file and directory", unix.Renameat2(unix.AT_FDCWD, dir+"/a", unix.AT_FDCWD, dir+"/sub", unix.RENAME_EXCHANGE))
		p.result("with nothing", unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, dir+"/gone", unix.RENAME_EXCHANGE))
		p.say("holds %d", p.count(dir))
	}},
	{"RENAME_NOREPLACE", func(p *probe) {
		one, c := p.file()
		two, _ := p.file()
		p.result("existing", unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, two, unix.RENAME_NOREPLACE))
		p.result("deleted", unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, p.dir()+"/gone", unix.RENAME_NOREPLACE))
		p.content(dirPath(p.dirs-1)+"/gone", c)
		p.result("whiteout", unix.Renameat2(unix.AT_FDCWD, two, unix.AT_FDCWD, two+"-new", unix.RENAME_WHITEOUT))
	}},
}

func sameFile(a, b string) bool {
	one, err1 := os.Lstat(a)
	two, err2 := os.Lstat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}
