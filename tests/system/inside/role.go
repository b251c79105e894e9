package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// play is what another process or user does for a check; its answer is printed.
func play(role string, args []string) error {
	switch {
	case role == "say":
		fmt.Println(args[0])
	case role == "self":
		path, err := os.Readlink("/proc/self/exe")
		fmt.Println(path)
		return err
	case role == "wait":
		fmt.Println("ready")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	case role == "id":
		fmt.Println(identity())
	case role == "open-noatime":
		_, err := open(args[0], unix.O_RDONLY|unix.O_NOATIME)
		_, plain := open(args[0], unix.O_RDONLY)
		fmt.Println(errName(err), "without", errName(plain))
	case role == "overwrite":
		return overwrite(args[0], args[1], args[2])
	case role == "overwrite-fifo":
		return writeFIFO(args[0], args[1])
	case role == "sticky":
		fmt.Println(sticky(args[0]))
	case role == "trespass":
		trespass(args[0], args[1])
	case role == "access":
		fmt.Println(strings.Join(accesses(), " "))
	case role == "locks":
		fmt.Println(locks(args[0], args[1]))
	case role == "send":
		conn, err := net.Dial("unix", args[0])
		if err != nil {
			return err
		}
		_, err = io.WriteString(conn, args[1])
		return err
	default:
		return fmt.Errorf("no role %q", role)
	}
	return nil
}

// identity gives the effective ids, and whether the process got capabilities.
func identity() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err.Error()
	}
	_, after, _ := strings.Cut(string(status), "CapEff:")
	caps, _, _ := strings.Cut(strings.TrimSpace(after), "\n")
	return fmt.Sprintf("uid %d gid %d capabilities %s", os.Geteuid(), os.Getegid(), caps)
}

func overwrite(path, at, text string) error {
	off, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte(text), off)
	return err
}

// trespass tries what a user may not do to files of root.
func trespass(file, dir string) {
	_, write := open(file, unix.O_WRONLY)
	_, create := open(dir+"/created", unix.O_WRONLY|unix.O_CREAT)
	var st unix.Stat_t
	stat := unix.Stat(file, &st)
	for _, c := range []struct {
		what string
		err  error
	}{
		{"write", write},
		{"create", create},
		{"stat", stat},
		{"truncate", unix.Truncate(file, 0)},
		{"chmod", unix.Chmod(file, 0o777)},
		{"chown", unix.Chown(file, 1000, 1000)},
		{"utimes", unix.UtimesNanoAt(unix.AT_FDCWD, file, []unix.Timespec{{}, {}}, 0)},
		{"xattr", unix.Setxattr(file, "user.x", nil, 0)},
		{"unlink", unix.Unlink(dir + "/a")},
		{"link", unix.Link(file, "/tmp/stolen")},
		{"rename", unix.Rename(dir+"/b", dir+"/b2")},
		{"mkdir", unix.Mkdir(dir+"/made", 0o777)},
		{"rmdir", unix.Rmdir(dir + "/sub")},
		{"chdir", syscall.Chdir(dir)},
	} {
		fmt.Print(c.what, " ", errName(c.err), "; ")
	}
	fmt.Println()
}
