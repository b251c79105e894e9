package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// identities are inode and device numbers, by which programs tell that a file
// is the same, or that a directory is another file system's.
var identities = []named{
	{"one file system: inode in a listing, by stat and by fstat", func(p *probe) {
		for _, dir := range []string{probeDir, probeDir + "/special", p.dir(), probeDir + "/many", probeDir + "/files"} {
			p.sameInodes(dir)
		}
	}},
	{"one file system: device of files and their directory", func(p *probe) {
		for _, path := range []string{
			probeDir, probeDir + "/big", probeDir + "/empty", probeDir + "/special/file",
			probeDir + "/special/fifo", p.dir(),
		} {
			p.say("%s %s", path, device(path))
		}
	}},
	{"inodes are distinct", func(p *probe) {
		seen := map[[2]uint64]string{}
		for _, dir := range []string{probeDir + "/many", probeDir + "/files", probeDir + "/dirs", "/bin"} {
			entries, err := os.ReadDir(dir)
			p.must("list", err)
			for _, e := range entries {
				var st unix.Stat_t
				p.must("stat", unix.Lstat(dir+"/"+e.Name(), &st))
				key := [2]uint64{uint64(st.Dev), st.Ino}
				if other := seen[key]; other != "" && st.Nlink < 2 {
					p.fail("%s/%s and %s have one inode", dir, e.Name(), other)
				}
				seen[key] = dir + "/" + e.Name()
			}
		}
	}},
	{"one file system: inode and device after copy-up", func(p *probe) {
		path, _ := p.file()
		p.constant("chmod", path, func() error { return os.Chmod(path, 0o600) })
		other, _ := p.file()
		p.constant("write", other, func() error { return os.WriteFile(other, []byte("x"), 0o644) })
		dir := p.dir()
		p.constant("chmod of a directory", dir, func() error { return os.Chmod(dir, 0o700) })
		p.constant("create in a directory", dir+"/sub", func() error { return os.WriteFile(dir+"/sub/new", nil, 0o644) })
		link := probeDir + "/special/dir"
		p.constant("chown of a link", link, func() error { return os.Lchown(link, 0, 7) })
	}},
	{"one file system: inode in a listing after copy-up", func(p *probe) {
		dir := p.dir()
		p.must("chmod", os.Chmod(dir+"/a", 0o600))
		p.must("create", os.WriteFile(dir+"/new", nil, 0o644))
		p.sameInodes(dir)
	}},
	{"one file system: inode of an open file that is copied up", func(p *probe) {
		path, _ := p.file()
		f, err := os.Open(path)
		p.must("open", err)
		defer f.Close()
		before, err := f.Stat()
		p.must("fstat", err)
		p.role(0, "overwrite", path, "0", "NEW")
		after, err := f.Stat()
		p.must("fstat", err)
		fresh, err := os.Stat(path)
		p.must("stat", err)
		p.say("fstat before and after %v, fstat and stat %v", os.SameFile(before, after), os.SameFile(after, fresh))
	}},
	{"one file system: inode after rename and link", func(p *probe) {
		path, _ := p.file()
		var before, after unix.Stat_t
		p.must("stat", unix.Stat(path, &before))
		p.must("rename", os.Rename(path, path+"-new"))
		p.must("stat", unix.Stat(path+"-new", &after))
		p.say("renamed %v", before.Ino == after.Ino && before.Dev == after.Dev)
		other, _ := p.file()
		p.constant("link", other, func() error { return os.Link(other, other+"-new") })
	}},
	{"file handles", func(p *probe) {
		path, _ := p.file()
		for _, path := range []string{path, "/tmp", p.dir()} {
			_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
			p.result(path, err)
		}
	}},
	{"statx", func(p *probe) {
		path, c := p.file()
		var st unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
		p.say("%s basic %v mode %o links %d size %v blksize %d root of a mount %v", errName(err),
			st.Mask&unix.STATX_BASIC_STATS == unix.STATX_BASIC_STATS, st.Mode, st.Nlink, st.Size == uint64(c.size), st.Blksize,
			st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0)
		p.say("blocks %d", st.Blocks)
	}},
	{"time of birth", func(p *probe) {
		path, _ := p.file()
		var st unix.Statx_t
		p.result("statx", unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st))
		p.say("known %v", st.Mask&unix.STATX_BTIME != 0)
	}},
}

// sameInodes says how many names have another inode by stat or fstat than the listing says.
func (p *probe) sameInodes(dir string) {
	fd := p.opened(dir)
	defer unix.Close(fd)
	entries, err := getdents(fd, 4096, always)
	p.must("getdents", err)
	byStat, byFstat := 0, 0
	for _, e := range entries {
		if e.name == ".." {
			continue // with local layers it is the parent in the directory's own layer
		}
		var st, fst unix.Stat_t
		p.must("stat", unix.Lstat(dir+"/"+e.name, &st))
		if st.Ino != e.ino {
			byStat++
		}
		if e.kind != unix.DT_REG && e.kind != unix.DT_DIR {
			continue
		}
		f, err := os.Open(dir + "/" + e.name)
		p.must("open", err)
		p.must("fstat", unix.Fstat(int(f.Fd()), &fst))
		f.Close()
		if fst.Ino != st.Ino || fst.Dev != st.Dev {
			byFstat++
		}
	}
	p.say("%d and %d others", byStat, byFstat)
}

func device(path string) string {
	var root, st unix.Stat_t
	if unix.Stat("/", &root) != nil || unix.Lstat(path, &st) != nil {
		return "no stat"
	}
	if root.Dev == st.Dev {
		return "that of /"
	}
	return "another than that of /"
}

// constant says whether a change keeps inode and device numbers.
func (p *probe) constant(what, path string, change func() error) {
	var before, after unix.Stat_t
	p.must("stat", unix.Lstat(path, &before))
	p.must(what, change())
	p.must("stat", unix.Lstat(path, &after))
	p.say("%s: inode kept %v, device kept %v, %s", what, before.Ino == after.Ino, before.Dev == after.Dev, device(path))
}
