package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var executing = []named{
	{"exec", func(p *probe) {
		for _, name := range []string{"program", "linked", "script", "noexec", "noformat", "nointerpreter", "missing", "."} {
			out, err := exec.Command(probeDir+"/bin/"+name, "role", "say", "ran").CombinedOutput()
			p.say("%s %s %q", name, errName(err), strings.TrimSpace(string(out)))
		}
		p.say("user %s", p.role(1000, "say", "ran"))
	}},
	{"exec of a descriptor", func(p *probe) {
		f, err := os.Open(probeDir + "/bin/program")
		if !p.must("open", err) {
			return
		}
		defer f.Close()
		cmd := exec.Command("/proc/self/fd/3", "role", "say", "ran")
		cmd.ExtraFiles = []*os.File{f}
		out, err := cmd.CombinedOutput()
		p.say("%s %q", errName(err), strings.TrimSpace(string(out)))
	}},
	{"the path of a running program", func(p *probe) {
		out, err := exec.Command(probeDir+"/bin/linked", "role", "self").CombinedOutput()
		p.say("%s %s", errName(err), strings.TrimSpace(string(out)))
	}},
	{"writing to a running program of the image", func(p *probe) {
		path := probeDir + "/bin/run"
		stop := p.start(path)
		_, err := open(path, unix.O_WRONLY)
		p.result("open for writing", err)
		p.result("truncate", unix.Truncate(path, 1<<20))
		stop()
		stop = p.start(probeDir + "/bin/run2")
		p.result("unlink", unix.Unlink(probeDir+"/bin/run2"))
		stop()
		_, err = os.Stat(probeDir + "/bin/run2")
		p.result("stat", err)
	}},
	{"writing to a running program that was copied up", func(p *probe) {
		path := p.scratch() + "/program"
		p.must("cp", exec.Command("/bin/cp", probeDir+"/bin/program", path).Run())
		stop := p.start(path)
		_, err := open(path, unix.O_WRONLY)
		p.result("open for writing", err)
		stop()
		fd, err := open(path, unix.O_WRONLY)
		p.result("open afterwards", err)
		_, err = exec.Command(path, "role", "say", "ran").Output()
		p.result("exec while open for writing", err)
		unix.Close(fd)
		_, err = exec.Command(path, "role", "say", "ran").Output()
		p.result("exec", err)
	}},
	{"exec of what chmod made executable", func(p *probe) {
		path := probeDir + "/bin/noexec"
		p.result("chmod", os.Chmod(path, 0o755))
		out, err := exec.Command(path).CombinedOutput()
		p.say("%s %q", errName(err), strings.TrimSpace(string(out)))
	}},
	{"setuid and setgid", func(p *probe) {
		for _, name := range []string{"program", "setuid", "setgid"} {
			p.say("%s %s", name, p.asUser(probeDir+"/bin/"+name))
		}
		p.must("chown", os.Chown(probeDir+"/bin/setuid", 0, 0)) // clears the bits
		p.say("after chown %s", p.asUser(probeDir+"/bin/setuid"))
		p.must("chmod", unix.Chmod(probeDir+"/bin/setuid", 0o4755))
		p.say("after chmod %s", p.asUser(probeDir+"/bin/setuid"))
	}},
	{"capability of a program", func(p *probe) { p.say("%s", p.asUser(probeDir+"/bin/capable")) }},
}

// start runs a program that waits; stop ends it.
func (p *probe) start(path string) (stop func()) {
	cmd := exec.Command(path, "role", "wait")
	in, err := cmd.StdinPipe()
	p.must("pipe", err)
	out, err := cmd.StdoutPipe()
	p.must("pipe", err)
	if !p.must("start "+path, cmd.Start()) {
		return func() {}
	}
	_, err = out.Read(make([]byte, 8)) // it runs
	p.must("wait for "+path, err)
	return func() {
		in.Close()
		p.must("end of "+path, cmd.Wait())
	}
}

// asUser runs a program as user 1000 and gives who it then is, and what it can.
func (p *probe) asUser(path string) string {
	cmd := exec.Command(path, "role", "id")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	out, err := cmd.CombinedOutput()
	return fmt.Sprintf("%s %s", errName(err), strings.TrimSpace(string(out)))
}
