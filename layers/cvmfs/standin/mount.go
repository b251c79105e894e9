package standin

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Mount shows the published tree dir at mountpoint, the way a CVMFS client
// shows a repository. The caller needs the right to mount: root, or root in a
// user namespace. Requests are answered from the time that it returns.
func Mount(dir, mountpoint string, opts Options) (*Server, error) {
	dir, mountpoint, err := places(dir, mountpoint)
	if err != nil {
		return nil, err
	}
	s, err := newServer(dir, opts)
	if err != nil {
		return nil, err
	}
	if err := s.attach(mountpoint); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func places(dir, mountpoint string) (string, string, error) {
	for _, p := range []*string{&dir, &mountpoint} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return "", "", err
		}
		if *p, err = filepath.EvalSymlinks(abs); err != nil {
			return "", "", fmt.Errorf("resolving directory: %w", err)
		}
		info, err := os.Stat(*p)
		if err != nil {
			return "", "", err
		}
		if !info.IsDir() {
			return "", "", fmt.Errorf("%q: %w", *p, unix.ENOTDIR)
		}
	}
	// The server would ask itself, and wait for ever.
	if mountpoint != dir && beneath(mountpoint, dir) {
		return "", "", fmt.Errorf("mountpoint %q lies in the tree %q that it is to show", mountpoint, dir)
	}
	return dir, mountpoint, nil
}

// attach mounts by hand, because mountinfo is to read as with the client: type
// "fuse" without a subtype, source "cvmfs2", and its options only.
func (s *Server) attach(mountpoint string) error {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening /dev/fuse: %w", err)
	}
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,default_permissions,allow_other",
		fd, os.Geteuid(), os.Getegid())
	if err := unix.Mount("cvmfs2", mountpoint, "fuse", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("mounting at %q: %w", mountpoint, err)
	}
	s.mountpoint = mountpoint
	if s.device, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		s.number, err = DeviceAt(mountpoint)
	}
	if err != nil {
		_ = unix.Close(fd)
	} else { // owns fd from here, also when it fails
		s.fuse, err = fuse.NewServer(s, "/dev/fd/"+strconv.Itoa(fd), &fuse.MountOptions{
			MaxBackground:      64,
			DisableReadDirPlus: true,
			MaxStackDepth:      -1,   // no passthrough, as with the client: it would count in a stack of file systems
			DisableSplice:      true, // bytes read are counted as they are read
		})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("serving %q: %w", mountpoint, err), unix.Unmount(mountpoint, unix.MNT_DETACH))
	}
	go s.fuse.Serve()
	return nil
}

// Device is the mount's device number as mountinfo writes it, major:minor.
func (s *Server) Device() string { return s.number }

// Mountpoint is the resolved path of the mount.
func (s *Server) Mountpoint() string { return s.mountpoint }

// Wait returns when the mount has gone, whoever unmounted it.
func (s *Server) Wait() error {
	s.fuse.Wait()
	return s.close()
}

// Unmount ends all faults and unmounts, lazily if somebody uses the mount:
// Wait may then return later.
func (s *Server) Unmount() error {
	s.faults.clear()
	if err := Detach(s.mountpoint, s.number); err != nil {
		return fmt.Errorf("unmounting %q: %w", s.mountpoint, err)
	}
	return nil
}

func (s *Server) close() error {
	err := unix.Close(s.tree.root)
	if s.device >= 0 {
		err = errors.Join(err, unix.Close(s.device))
	}
	return err
}

// Detach unmounts mountpoint if the mount that is seen there has the given
// device number, lazily if it is busy. Nothing there, or another mount, is no
// error: somebody was faster.
func Detach(mountpoint, device string) error {
	// A process that just let go of its files may take a moment to be seen to.
	for try := 0; ; try++ {
		if now, err := DeviceAt(mountpoint); err != nil || now != device {
			return err
		}
		flags := unix.UMOUNT_NOFOLLOW
		if try == 5 {
			flags |= unix.MNT_DETACH
		}
		err := unix.Unmount(mountpoint, flags)
		if err == nil || err != unix.EBUSY || try == 5 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// DeviceAt is the device number of the mount that is seen at a resolved path,
// "" if none is. It asks mountinfo: a dead or hung server would not answer.
func DeviceAt(mountpoint string) (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	device := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // an overlay's options can be long
	for lines.Scan() {
		// proc(5): id, parent, device, root, mount point, …
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && unescape.Replace(fields[4]) == mountpoint {
			device = fields[2] // the last one lies on top
		}
	}
	return device, lines.Err()
}
