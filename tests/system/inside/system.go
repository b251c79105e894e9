package main

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// accessModes are those of files and directories in /probe/modes. All are open
// to others for reading: a repository keeps the rest from a user, and what then
// becomes of it is in docs/views.md.
var accessModes = []int64{0o444, 0o644, 0o666, 0o755, 0o555, 0o604, 0o005, 0o045, 0o754, 0o774, 0o4755, 0o2775, 0o1777}

var systems = []named{
	{"statfs", func(p *probe) {
		for _, path := range []string{"/", probeDir, probeDir + "/big", p.dir()} {
			var st unix.Statfs_t
			err := unix.Statfs(path, &st)
			p.say("%s %s type %#x name length %d bsize %d frsize %d flags %#x some blocks %v some files %v", path, errName(err),
				st.Type, st.Namelen, st.Bsize, st.Frsize, st.Flags, st.Blocks > 0 && st.Bavail > 0, st.Files > 0)
		}
	}},
	{"access as root", func(p *probe) { p.say("%s", strings.Join(accesses(), " ")) }},
	{"access as a user", func(p *probe) { p.say("%s", p.role(1000, "access")) }},
	{"read-only mount of a file", func(p *probe) {
		_, err := open("/proc/self/exe", unix.O_WRONLY)
		p.result("open", err)
		p.result("mount", unix.Mount("none", "/tmp", "tmpfs", 0, ""))
	}},
}

// accesses asks of every file and directory what this user may do with it, and
// opens it to see.
func accesses() []string {
	var all []string
	for _, mode := range accessModes {
		for _, name := range []string{fmt.Sprintf("%04o", mode), fmt.Sprintf("d%04o", mode)} {
			path := probeDir + "/modes/" + name
			may := ""
			for i, bit := range []uint32{unix.R_OK, unix.W_OK, unix.X_OK} {
				switch err := unix.Faccessat2(unix.AT_FDCWD, path, bit, unix.AT_EACCESS); err {
				case nil:
					may += "rwx"[i : i+1]
				case unix.EACCES:
					may += "-"
				default:
					may += errName(err)
				}
			}
			_, err := open(path, unix.O_RDONLY)
			all = append(all, fmt.Sprintf("%s=%s(%s)", name, may, errName(err)))
		}
	}
	return all
}
