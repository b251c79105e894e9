package main

import "golang.org/x/sys/unix"

// changingFlags are those with which openat changes what is there.
const changingFlags = unix.O_CREAT | unix.O_TRUNC

// call says where the arguments of a system call name what it changes.
type call struct {
	name   string
	shapes bool // what is in a file or known of it, often in several calls
	// mounts: it counts whatever it names.
	mounts bool
	names  []name
}

// name is a name among a call's arguments: the path in argument path, from the
// directory in argument dir; or what argument dir has open, if path is none;
// or from the working directory, if dir is none.
type name struct{ dir, path int }

const none = -1

var (
	fd0  = []name{{0, none}}
	path = []name{{none, 0}}
	at   = []name{{0, 1}}
)

// calls are those that may change something.
var calls = map[int]call{
	unix.SYS_OPENAT:          {name: "openat", names: at},
	unix.SYS_WRITE:           {name: "write", shapes: true, names: fd0},
	unix.SYS_WRITEV:          {name: "writev", shapes: true, names: fd0},
	unix.SYS_PWRITE64:        {name: "pwrite64", shapes: true, names: fd0},
	unix.SYS_PWRITEV:         {name: "pwritev", shapes: true, names: fd0},
	unix.SYS_PWRITEV2:        {name: "pwritev2", shapes: true, names: fd0},
	unix.SYS_SENDFILE:        {name: "sendfile", shapes: true, names: fd0},
	unix.SYS_COPY_FILE_RANGE: {name: "copy_file_range", shapes: true, names: []name{{2, none}}},
	unix.SYS_SPLICE:          {name: "splice", shapes: true, names: []name{{2, none}}},
	unix.SYS_FALLOCATE:       {name: "fallocate", shapes: true, names: fd0},
	unix.SYS_FTRUNCATE:       {name: "ftruncate", shapes: true, names: fd0},
	unix.SYS_TRUNCATE:        {name: "truncate", names: path},
	unix.SYS_RENAMEAT:        {name: "renameat", names: []name{{0, 1}, {2, 3}}},
	unix.SYS_RENAMEAT2:       {name: "renameat2", names: []name{{0, 1}, {2, 3}}},
	unix.SYS_UNLINKAT:        {name: "unlinkat", names: at},
	unix.SYS_MKDIRAT:         {name: "mkdirat", names: at},
	unix.SYS_MKNODAT:         {name: "mknodat", names: at},
	unix.SYS_LINKAT:          {name: "linkat", names: []name{{2, 3}}},
	unix.SYS_SYMLINKAT:       {name: "symlinkat", names: []name{{1, 2}}},
	unix.SYS_FCHMOD:          {name: "fchmod", shapes: true, names: fd0},
	unix.SYS_FCHMODAT:        {name: "fchmodat", shapes: true, names: at},
	unix.SYS_FCHOWN:          {name: "fchown", shapes: true, names: fd0},
	unix.SYS_FCHOWNAT:        {name: "fchownat", shapes: true, names: at},
	unix.SYS_UTIMENSAT:       {name: "utimensat", shapes: true, names: at},
	unix.SYS_SETXATTR:        {name: "setxattr", shapes: true, names: path},
	unix.SYS_LSETXATTR:       {name: "lsetxattr", shapes: true, names: path},
	unix.SYS_FSETXATTR:       {name: "fsetxattr", shapes: true, names: fd0},
	unix.SYS_REMOVEXATTR:     {name: "removexattr", names: path},
	unix.SYS_LREMOVEXATTR:    {name: "lremovexattr", names: path},
	unix.SYS_FREMOVEXATTR:    {name: "fremovexattr", names: fd0},
	unix.SYS_MOUNT:           {name: "mount", mounts: true, names: []name{{none, 1}}},
	unix.SYS_UMOUNT2:         {name: "umount2", mounts: true, names: path},
	unix.SYS_MOVE_MOUNT:      {name: "move_mount", mounts: true, names: []name{{2, 3}}},
	unix.SYS_MOUNT_SETATTR:   {name: "mount_setattr", mounts: true, names: at},
}
