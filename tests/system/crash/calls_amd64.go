package main

import "golang.org/x/sys/unix"

// What other machines never had, and C libraries still use.
func init() {
	for number, c := range map[int]call{
		unix.SYS_CREAT:     {name: "creat", names: path},
		unix.SYS_RENAME:    {name: "rename", names: []name{{none, 0}, {none, 1}}},
		unix.SYS_LINK:      {name: "link", names: []name{{none, 1}}},
		unix.SYS_SYMLINK:   {name: "symlink", names: []name{{none, 1}}},
		unix.SYS_UNLINK:    {name: "unlink", names: path},
		unix.SYS_MKDIR:     {name: "mkdir", names: path},
		unix.SYS_RMDIR:     {name: "rmdir", names: path},
		unix.SYS_MKNOD:     {name: "mknod", names: path},
		unix.SYS_CHMOD:     {name: "chmod", shapes: true, names: path},
		unix.SYS_CHOWN:     {name: "chown", shapes: true, names: path},
		unix.SYS_LCHOWN:    {name: "lchown", shapes: true, names: path},
		unix.SYS_UTIMES:    {name: "utimes", shapes: true, names: path},
		unix.SYS_FUTIMESAT: {name: "futimesat", shapes: true, names: at},
	} {
		calls[number] = c
	}
}
