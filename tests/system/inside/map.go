package main

import (
	"os"

	"golang.org/x/sys/unix"
)

var mapping = []named{
	{"mmap private", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDONLY, int(c.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
		if m == nil {
			return
		}
		defer unix.Munmap(m)
		p.bytes("map", m, c.bytes())
		copy(m[5000:], "changed in memory only")
		p.content(path, c)
	}},
	{"mmap shared, read-only", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDONLY, int(c.size), unix.PROT_READ, unix.MAP_SHARED)
		if m == nil {
			return
		}
		defer unix.Munmap(m)
		p.bytes("map", m, c.bytes())
		p.result("mprotect for writing", unix.Mprotect(m, unix.PROT_READ|unix.PROT_WRITE))
		p.result("mprotect for execution", unix.Mprotect(m, unix.PROT_READ|unix.PROT_EXEC))
		p.result("populate", unix.Madvise(m, unix.MADV_POPULATE_READ))
		p.result("msync", unix.Msync(m, unix.MS_SYNC))
	}},
	{"mmap shared, for writing, of a read-only descriptor", func(p *probe) {
		path, c := p.file()
		p.mmap(path, unix.O_RDONLY, int(c.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}},
	{"mmap shared, for writing", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDWR, int(c.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if m == nil {
			return
		}
		p.bytes("map", m, c.bytes())
		copy(m[5000:], "CHANGED")
		want := c.bytes()
		copy(want[5000:], "CHANGED")
		got, err := os.ReadFile(path)
		p.must("read", err)
		p.bytes("file", got, want)
		p.result("msync", unix.Msync(m, unix.MS_SYNC))
		p.result("munmap", unix.Munmap(m))
	}},
	{"mmap executable", func(p *probe) {
		if m := p.mmap(probeDir+"/bin/program", unix.O_RDONLY, 8192, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE); m != nil {
			p.say("starts with %q", m[1:4])
			unix.Munmap(m)
		}
	}},
	{"mmap past the end", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDONLY, int(c.size)+3*os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
		if m == nil {
			return
		}
		defer unix.Munmap(m)
		p.say("last page's rest %d", m[c.size])
		p.say("next page %s", touch(m, int(c.size)+os.Getpagesize()))
	}},
	// What a mapping and a descriptor from before show of a write by another
	// process, which copies the file up: with overlayfs, the old content.
	{"mmap while another process writes", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDONLY, int(c.size), unix.PROT_READ, unix.MAP_SHARED)
		if m == nil {
			return
		}
		defer unix.Munmap(m)
		fd, err := open(path, unix.O_RDONLY)
		p.must("open", err)
		defer unix.Close(fd)
		first := m[0] // one page in memory; the others are read only after the write
		p.role(0, "overwrite", path, "0", "NEW")
		p.role(0, "overwrite", path, "40000", "NEW")
		p.say("map %s %s", oldOrNew(m, c, 0), oldOrNew(m, c, 40_000))
		buf := make([]byte, c.size)
		n, err := unix.Pread(fd, buf, 0)
		p.say("descriptor %d %s %s %s", n, errName(err), oldOrNew(buf, c, 0), oldOrNew(buf, c, 40_000))
		fresh, err := os.ReadFile(path)
		p.must("read", err)
		p.say("opened anew %s %s", oldOrNew(fresh, c, 0), oldOrNew(fresh, c, 40_000))
		want := c.bytes()
		copy(want, "NEW")
		copy(want[40_000:], "NEW")
		p.bytes("opened anew", fresh, want)
		_ = first
	}},
	{"mmap of a file that is deleted", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDONLY, int(c.size), unix.PROT_READ, unix.MAP_PRIVATE)
		if m == nil {
			return
		}
		defer unix.Munmap(m)
		p.result("unlink", unix.Unlink(path))
		p.bytes("map", m, c.bytes())
	}},
	{"mmap of a file that is cut", func(p *probe) {
		path, c := p.file()
		m := p.mmap(path, unix.O_RDWR, int(c.size), unix.PROT_READ, unix.MAP_SHARED)
		if m == nil {
			return
		}
		defer unix.Munmap(m)
		p.result("truncate", unix.Truncate(path, 100))
		p.say("kept page %s, lost page %s", touch(m, 50), touch(m, 40_000))
	}},
}

// mmap maps a file from its start, and closes it.
func (p *probe) mmap(path string, flags, size, prot, kind int) []byte {
	fd, err := open(path, flags)
	if !p.result("open", err) {
		return nil
	}
	defer unix.Close(fd)
	m, err := unix.Mmap(fd, 0, size, prot, kind)
	if !p.result("mmap", err) {
		return nil
	}
	return m
}

// touch reads one byte of a mapping, which may end in SIGBUS.
func touch(m []byte, at int) (answer string) {
	defer func() {
		if recover() != nil {
			answer = "SIGBUS"
		}
	}()
	if m[at] != 0 {
		return "readable"
	}
	return "readable as 0"
}

func oldOrNew(buf []byte, c content, at int) string {
	was := make([]byte, 3)
	_, _ = c.ReadAt(was, int64(at))
	switch string(buf[at : at+3]) {
	case string(was):
		return "old"
	case "NEW":
		return "new"
	}
	return "neither"
}
