package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var attributes = []named{
	{"chmod, chown", func(p *probe) {
		path, c := p.file()
		p.result("chmod", unix.Chmod(path, 0o4711))
		p.stat(path)
		p.result("chown", unix.Chown(path, 1000, 1000))
		p.stat(path)
		p.result("chown of a link", unix.Lchown(probeDir+"/special/file", 1000, 1000))
		p.stat(probeDir + "/special/file")
		p.content(path, c)
		dir := p.dir()
		p.result("chmod of a directory", unix.Chmod(dir, 0o1770))
		p.result("chown of a directory", unix.Chown(dir, 1000, 0))
		p.stat(dir)
		p.say("user then %s", p.role(1000, "trespass", path, dir))
	}},
	{"times", func(p *probe) {
		path, c := p.file()
		p.mtime(path)
		times := []unix.Timespec{{Sec: 1_000_000_000, Nsec: 1}, {Sec: 1_000_000_001, Nsec: 123_456_789}}
		for _, path := range []string{path, p.dir(), probeDir + "/special/dangling"} {
			p.result("utimensat", unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW))
			p.mtime(path)
		}
		p.content(path, c)
		touched, _ := p.file()
		before := time.Now().Add(-time.Second)
		p.write(touched, unix.O_WRONLY|unix.O_APPEND, "x")
		info, err := os.Stat(touched)
		p.must("stat", err)
		p.say("a write sets the time %v", info.ModTime().After(before))
	}},
	{"time after copy-up", func(p *probe) {
		path, _ := p.file()
		p.must("chmod", os.Chmod(path, 0o600))
		p.mtime(path)
	}},
	{"attributes of CVMFS clients", func(p *probe) {
		for _, path := range []string{"/", "/bin", "/bin/sh", "/bin/busybox", probeDir, probeDir + "/many", filePath(0)} {
			for _, name := range []string{"user.fqrn", "user.revision", "user.root_hash", "user.catalog_counters", "user.hash", "user.pid", "xfsroot.rawlink"} {
				if value := make([]byte, 4096); !absent(unix.Lgetxattr(path, name, value)) {
					p.fail("%s has %s", path, name)
				}
			}
		}
	}},
	{"extended attributes", func(p *probe) {
		path, c := p.file()
		for _, name := range []string{
			"user.colour", "system.posix_acl_access", "security.capability", "trusted.x", "user.overlay.opaque",
			"user.overlay.x", "trusted.overlay.opaque", "user.fqrn", "user.catalog_counters", "xfsroot.rawlink", "security.selinux", "nonsense",
		} {
			_, err := unix.Lgetxattr(path, name, make([]byte, 100))
			p.result("get "+name, err)
		}
		list := func(path string) {
			buf := make([]byte, 1000)
			n, err := unix.Llistxattr(path, buf)
			p.say("list %q %s", strings.Split(strings.TrimRight(string(buf[:max(n, 0)]), "\x00"), "\x00"), errName(err))
		}
		list(path)
		list(probeDir)
		list(probeDir + "/special/file")
		for _, name := range []string{"user.colour", "trusted.x", "user.overlay.x", "security.x", "nonsense"} {
			p.result("set "+name, unix.Lsetxattr(path, name, []byte("blue"), 0))
			n, err := unix.Lgetxattr(path, name, make([]byte, 100))
			p.say("get %d %s", n, errName(err))
		}
		p.result("create an existing one", unix.Lsetxattr(path, "user.colour", nil, unix.XATTR_CREATE))
		p.result("replace one that is not there", unix.Lsetxattr(path, "user.none", nil, unix.XATTR_REPLACE))
		p.result("remove", unix.Lremovexattr(path, "user.colour"))
		p.result("remove again", unix.Lremovexattr(path, "user.colour"))
		p.result("remove of an untouched file", unix.Lremovexattr(probeDir+"/empty", "user.colour"))
		p.result("of a link", unix.Lsetxattr(probeDir+"/special/dir", "user.colour", nil, 0))
		p.result("of a directory", unix.Lsetxattr(p.dir(), "user.colour", []byte("red"), 0))
		p.content(path, c)
	}},
	{"access control list", func(p *probe) {
		path, c := p.file()
		// version 2: user::rw-, user:1000:rw-, group::r--, mask::rw-, other::r--
		acl := []byte("\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\xe8\x03\x00\x00" +
			"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x04\x00\xff\xff\xff\xff")
		for _, path := range []string{path, p.dir()} {
			if !p.result("set", unix.Lsetxattr(path, "system.posix_acl_access", acl, 0)) {
				continue
			}
			buf := make([]byte, 100)
			n, err := unix.Lgetxattr(path, "system.posix_acl_access", buf)
			p.say("get %v %s", bytes.Equal(buf[:max(n, 0)], acl), errName(err))
			p.stat(path)
		}
		p.content(path, c)
		p.say("user writes: %s", p.role(1000, "trespass", path, "/probe/dirs"))
	}},
	{"file flags", func(p *probe) {
		path, _ := p.file()
		for _, what := range []string{"lower", "copied up"} {
			fd, err := open(path, unix.O_RDONLY)
			p.must("open", err)
			_, err = unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
			p.result(what, err)
			unix.Close(fd)
			p.must("copy up", os.Chmod(path, 0o600))
		}
	}},
}

// absent says that a call for an attribute did not find it.
func absent(_ int, err error) bool {
	return errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP)
}
