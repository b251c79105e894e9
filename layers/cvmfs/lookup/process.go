//go:build linux

package lookup

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/confine"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
)

// process is a child that asks one repository, any number of questions at a
// time. A goroutine would not do: a system call on a FUSE mount whose server
// has taken the request and does not answer ends with the server, not even
// with SIGKILL, and a process with such a thread cannot exit. A child in that
// state is left alone; nobody waits for it, and it holds nothing of ours.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan answer
	gone    *answer // to all questions, when it has ended
}

// maxReply is far above the bytes of the longest reply: two paths, an error that
// repeats them, and what a repository's attributes say, of 4096 each.
const maxReply = 1 << 20

// startProcess starts the child for the repository at root: this program
// again, which serve makes a different one of, or the views' server, which can be
// confined where a program that is linked with C, as podman is, cannot. It has hold
// open for as long as it lives.
func startProcess(root string, hold *os.File) (*process, error) {
	path := "/proc/self/exe" // also right after an upgrade has replaced the file
	if !confine.Possible() {
		if server, err := helper.Find(helper.View); err == nil {
			path = server
		}
	}
	cmd := &exec.Cmd{
		Path: path,
		Args: []string{processName, root},
		Dir:  "/",
		Env:  helper.Environment(),
		// Not for the signals of the terminal; it ends when its input does.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if hold != nil {
		cmd.Args = append(cmd.Args, holdArg)
		cmd.ExtraFiles = []*os.File{hold}
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, waiting: map[uint64]chan answer{}}
	go p.receive(root, stdout)
	return p, nil
}

// put asks about one layer; the answer comes on the channel.
func (p *process) put(d, diffID digest.Digest) <-chan answer {
	ch := make(chan answer, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		ch <- *p.gone
		return ch
	}
	p.last++
	p.waiting[p.last] = ch
	// An error means that the child has ended, which receive finds out too.
	_ = json.NewEncoder(p.stdin).Encode(question{Number: p.last, Digest: d, DiffID: diffID})
	return ch
}

func (p *process) receive(root string, stdout io.Reader) {
	again := p.deliver(stdout)
	p.mu.Lock()
	p.gone = &answer{
		err:   fmt.Errorf("repository %q: %w: the process that asks it has ended", root, cvmfs.ErrUnavailable),
		again: again, ended: true,
	}
	for _, ch := range p.waiting {
		ch <- *p.gone
	}
	p.waiting = nil
	p.mu.Unlock()
	_ = p.cmd.Process.Kill() // it may have said something that it never should
	_ = p.cmd.Wait()         // may take as long as the repository hangs
}

// deliver hands answers on until there are no more, or something else comes. again
// says that another process has to be asked.
func (p *process) deliver(stdout io.Reader) (again bool) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxReply)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return false
		}
		if r.Again {
			return true
		}
		p.mu.Lock()
		ch := p.waiting[r.Number]
		delete(p.waiting, r.Number)
		p.mu.Unlock()
		if ch != nil {
			ch <- r.answer()
		}
	}
	return false
}

func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone != nil
}

// end ends the child, as far as the repository lets it.
func (p *process) end() {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Kill()
}
