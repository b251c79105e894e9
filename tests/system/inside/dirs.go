package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// dirent is what getdents64 gives for a name.
type dirent struct {
	ino  uint64
	next int64 // where the one after it is
	kind byte
	name string
}

// getdents reads with a buffer of size bytes, up to limit times.
func getdents(fd, size, limit int) ([]dirent, error) {
	var all []dirent
	buf := make([]byte, size)
	for range limit {
		n, err := unix.Getdents(fd, buf)
		if n <= 0 || err != nil {
			return all, err
		}
		for b := buf[:n]; len(b) > 0; b = b[binary.NativeEndian.Uint16(b[16:]):] {
			name := b[19:binary.NativeEndian.Uint16(b[16:])]
			all = append(all, dirent{
				binary.NativeEndian.Uint64(b), int64(binary.NativeEndian.Uint64(b[8:])), b[18],
				unix.ByteSliceToString(name),
			})
		}
	}
	return all, nil
}

const always = 1 << 30

// opened opens a directory for getdents.
func (p *probe) opened(dir string) int {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	p.must("open "+dir, err)
	return fd
}

// names lists a directory by getdents; a name that comes twice is wrong.
func (p *probe) names(dir string, size int) []string {
	fd := p.opened(dir)
	defer unix.Close(fd)
	entries, err := getdents(fd, size, always)
	p.must("getdents", err)
	return p.distinct(entries)
}

func (p *probe) distinct(entries []dirent) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.name)
	}
	slices.Sort(list)
	if n := len(slices.Compact(slices.Clone(list))); n != len(list) {
		p.fail("%d names come twice", len(list)-n)
	}
	return list
}

// manyNames are the names in /probe/many, as made.
func manyNames() []string {
	list := []string{".", ".."}
	for n := range manyCount {
		list = append(list, manyName(n))
	}
	slices.Sort(list)
	return list
}

var listing = []named{
	{"getdents with small buffers", func(p *probe) {
		for _, size := range []int{240, 256, 300, 1000, 4096, 32 << 10, 1 << 20} {
			if got := p.names(probeDir+"/many", size); !slices.Equal(got, manyNames()) {
				p.fail("with %d bytes: %d names that are not the expected ones", size, len(got))
			}
		}
		fd := p.opened(probeDir + "/many")
		_, err := getdents(fd, 16, 1)
		p.result("16 bytes", err)
		unix.Close(fd)
		fd, err = open(probeDir+"/empty", unix.O_RDONLY)
		p.must("open", err)
		_, err = unix.Getdents(fd, make([]byte, 100))
		p.result("of a file", err)
		_, err = unix.Read(p.opened(probeDir), make([]byte, 100))
		p.result("read of a directory", err)
		unix.Close(fd)
	}},
	{"telldir, seekdir, rewinddir", func(p *probe) {
		fd := p.opened(probeDir + "/many")
		defer unix.Close(fd)
		first, err := getdents(fd, 1000, always)
		p.must("getdents", err)
		for _, i := range []int{0, 1, 2, 700, manyCount - 2} {
			_, err := unix.Seek(fd, first[i].next, 0)
			p.must("seek", err)
			rest, err := getdents(fd, 300, 1)
			if p.must("getdents", err); len(rest) == 0 || rest[0].name != first[i+1].name {
				p.fail("after seekdir to %d comes another name", i)
			}
		}
		_, err = unix.Seek(fd, 0, 0)
		p.result("rewind", err)
		again, err := getdents(fd, 4096, always)
		p.must("getdents", err)
		p.say("same order %v", slices.Equal(first, again))
		end, err := getdents(fd, 4096, 1)
		p.say("at the end %d %s", len(end), errName(err))
	}},
	{"types and dots", func(p *probe) {
		for _, dir := range []string{probeDir, probeDir + "/special", probeDir + "/dirs/000", "/"} {
			fd := p.opened(dir)
			entries, err := getdents(fd, 4096, always)
			p.must("getdents", err)
			unix.Close(fd)
			var kinds []string
			for _, e := range entries {
				if dir == "/" && !slices.Contains([]string{".", "..", "probe", "tmp", "bin"}, e.name) {
					continue // podman's and ours
				}
				kinds = append(kinds, fmt.Sprintf("%s=%d", e.name, e.kind))
			}
			slices.Sort(kinds)
			p.say("%s", strings.Join(kinds, " "))
		}
	}},
	{"links of directories", func(p *probe) {
		for _, dir := range []string{probeDir, probeDir + "/special", p.dir(), probeDir + "/many", dirPath(9) + "/sub"} {
			var st unix.Stat_t
			p.must("stat", unix.Stat(dir, &st))
			p.say("%s %d", dir, st.Nlink)
		}
	}},
	{"delete while listing", func(p *probe) {
		dir := p.dir()
		for n := range 500 {
			p.must("create", os.WriteFile(fmt.Sprintf("%s/new%d", dir, n), nil, 0o644))
		}
		fd := p.opened(dir)
		defer unix.Close(fd)
		seen := 0
		for {
			entries, err := getdents(fd, 500, 1)
			if p.must("getdents", err); len(entries) == 0 || err != nil {
				break
			}
			for _, e := range entries {
				if e.kind == unix.DT_REG {
					p.must("unlink", unix.Unlink(dir+"/"+e.name))
					seen++
				}
			}
		}
		p.say("deleted %d, left %d", seen, p.count(dir))
		p.must("rm", os.RemoveAll(dir))
		_, err := getdents(fd, 500, 1)
		p.result("getdents of a deleted directory", err)
		_, err = unix.Seek(fd, 0, 0)
		p.result("rewind", err)
		left, err := getdents(fd, 500, 1)
		p.say("after rewind %d %s", len(left), errName(err))
		_, err = unix.Openat(fd, "x", unix.O_CREAT|unix.O_RDWR, 0o644)
		p.result("create in it", err)
	}},
	{"create while listing", func(p *probe) {
		dir := probeDir + "/many"
		fd := p.opened(dir)
		defer unix.Close(fd)
		var all []dirent
		for n := 0; ; n++ {
			entries, err := getdents(fd, 2000, 1)
			if p.must("getdents", err); len(entries) == 0 || n > manyCount {
				break
			}
			all = append(all, entries...)
			p.must("create", os.WriteFile(fmt.Sprintf("%s/created%d", dir, n), nil, 0o644))
		}
		old := slices.DeleteFunc(p.distinct(all), func(name string) bool { return strings.HasPrefix(name, "created") })
		if !slices.Equal(old, manyNames()) {
			p.fail("%d names that are not the expected ones", len(old))
		}
		_, err := unix.Seek(fd, 0, 0)
		p.must("rewind", err)
		again, err := getdents(fd, 2000, always)
		p.must("getdents", err)
		p.say("new ones after rewind %v", len(p.distinct(again)) > len(old))
	}},
}
