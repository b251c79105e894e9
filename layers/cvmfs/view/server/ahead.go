package server

import (
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/merge"
)

// ahead are the directories in which each start of a container looks: the runtime
// for what it mounts on, and for the command in its PATH, the loader for libraries.
var ahead = []string{
	"etc", "usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin", "lib", "lib64", "usr/lib64",
	"usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu",
}

// aheadLimit bounds how many directories are listed at a time: each question that a
// repository does not answer holds a thread.
const aheadLimit = 4

// prompt is how soon a directory is listed that no server of the repository is asked for.
const prompt = 5 * time.Millisecond

// listAhead lists what a start will look into, while podman still prepares it: one
// directory after the other, so as not to be in its way, or several at a time where
// the repository takes long. No file is read. An error is for whoever asks next.
// Meanwhile show may say how the view is shown. It does so once.
func (v *View) listAhead() { v.ahead.Do(v.listAll) }

func (v *View) listAll() {
	var g errgroup.Group
	g.SetLimit(aheadLimit)
	slow := false
	for _, path := range ahead {
		if slow {
			g.Go(func() error {
				v.listPath(path)
				return nil
			})
			continue
		}
		begun := time.Now()
		v.listPath(path)
		slow = time.Since(begun) > prompt
	}
	_ = g.Wait()
}

// listPath lists a directory of the view, and those on the way to it.
func (v *View) listPath(path string) {
	n := v.root
	for _, name := range strings.Split(path, "/") {
		if n = v.child(n, name); n == nil {
			return
		}
	}
	_, _ = v.list(n)
}

// child makes a directory known, as one that the kernel has looked up and will not
// forget; nil where there is none.
func (v *View) child(parent *node, name string) *node {
	l, err := v.list(parent)
	if err != nil {
		return nil
	}
	c := l.find(name)
	if c == nil || c.Type != merge.Dir {
		return nil
	}
	var st unix.Stat_t
	if err := v.statChild(parent, c, &st); err != nil {
		return nil
	}
	n, _ := v.enterNode(parent, c, &st)
	return n
}
