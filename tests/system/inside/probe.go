package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// named is one check.
type named struct {
	name string
	run  func(*probe)
}

// groups holds the checks in their order; each file of checks has one.
var groups = [][]named{
	crowds, reading, seeking, mapping, executing, changing, attributes, names, linking, renaming, listing,
	identities, special, locking, watching, systems,
}

// probe collects a check's answers.
type probe struct {
	answers []string
	wrong   bool
	files   int
	dirs    int
}

// check runs the checks whose name begins with one of the prefixes, or all.
func check(out io.Writer, prefixes []string) error {
	debug.SetPanicOnFault(true) // SIGBUS becomes an answer
	count, wrong := 0, 0
	// Files are given out whether a check runs or not, so that each always has its own.
	shared := &probe{}
	for _, group := range groups {
		for _, c := range group {
			p := &probe{files: shared.files, dirs: shared.dirs}
			shared.files += filesEach
			shared.dirs += dirsEach
			if !chosen(c.name, prefixes) {
				continue
			}
			count++
			p.guarded(c.run)
			if p.files > shared.files || p.dirs > shared.dirs {
				p.fail("takes more files than there are for one check")
			}
			if p.wrong {
				wrong++
			}
			for _, answer := range append(p.answers, "done") {
				fmt.Fprintf(out, "%s: %s\n", c.name, answer)
			}
		}
	}
	if wrong > 0 || count == 0 {
		return fmt.Errorf("%d of %d checks met what is wrong by itself", wrong, count)
	}
	return nil
}

// filesEach and dirsEach bound what one check may take: spares in the image are cheap.
const (
	filesEach = 2
	dirsEach  = 1
)

func chosen(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return len(prefixes) == 0
}

// guarded runs a check with a working directory, umask and threads of its own.
func (p *probe) guarded(run func(*probe)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if r := recover(); r != nil {
			p.fail("panic: %v", r)
		}
	}()
	unix.Umask(0o022)
	if err := os.Chdir("/"); err != nil {
		panic(err)
	}
	run(p)
}

// say adds an answer.
func (p *probe) say(format string, args ...any) {
	p.answers = append(p.answers, fmt.Sprintf(format, args...))
}

// fail adds what is wrong whatever the other run says.
func (p *probe) fail(format string, args ...any) {
	p.wrong = true
	p.say("WRONG: "+format, args...)
}

// result adds the outcome of a call: the name of its error, or ok.
func (p *probe) result(what string, err error) bool {
	p.say("%s %s", what, errName(err))
	return err == nil
}

// must is for what a check needs before it can ask anything.
func (p *probe) must(what string, err error) bool {
	if err != nil {
		p.fail("%s: %v", what, err)
	}
	return err == nil
}

// content compares a file with what it must hold.
func (p *probe) content(path string, want content) {
	p.must("content of "+path, want.sameFile(path))
}

// bytes does the same for a few bytes at hand.
func (p *probe) bytes(what string, got, want []byte) {
	if !bytes.Equal(got, want) {
		p.fail("%s: %d bytes that are not the expected %d", what, len(got), len(want))
	}
}

// file takes the next untouched file of the image.
func (p *probe) file() (string, content) {
	p.files++
	return filePath(p.files - 1), fileContent(p.files - 1)
}

// dir takes the next untouched directory.
func (p *probe) dir() string {
	p.dirs++
	return dirPath(p.dirs - 1)
}

// scratch makes a directory that is in no layer.
func (p *probe) scratch() string {
	dir, err := os.MkdirTemp("/tmp", "inside")
	if err != nil {
		panic(err)
	}
	return dir
}

// role starts this program in another part, as another process; uid 0 is ours.
func (p *probe) role(uid uint32, name string, args ...string) string {
	cmd := exec.Command("/proc/self/exe", append([]string{"role", name}, args...)...)
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.fail("role %s: %v: %s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

func errName(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil, errors.Is(err, syscall.Errno(0)):
		return "ok"
	case errors.Is(err, io.EOF):
		return "EOF"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// open is open(2), without what Go adds to it.
func open(path string, flags int) (int, error) { return unix.Open(path, flags|unix.O_CLOEXEC, 0o644) }
