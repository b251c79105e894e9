package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Union is a server's mount of a repository.
type Union struct {
	Repository
	// Open says that the repository is in a transaction: the union is writable.
	Open bool
}

// Find says whether a directory is in a repository that a CVMFS server on this
// machine has mounted as a union. It gives nil for any other directory, one
// that is not there yet included.
func Find(dir string) (*Union, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(full); err == nil {
		full = real
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	u, err := find(f, full)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", f.Name(), err)
	}
	return u, nil
}

// unions are the file systems that a server mounts a repository with, each
// with what stands before the repository's name in the mount's source.
var unions = map[string]string{"overlay": "overlay_", "aufs": "aufs_"}

// find reads a mountinfo (proc_pid_mountinfo(5)). The last mount of the longest
// path counts.
func find(mountinfo io.Reader, dir string) (*Union, error) {
	var found *Union
	longest := -1
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20) // an overlay names all its directories
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		dash := slices.Index(fields, "-")
		if dash < 6 || len(fields) < dash+4 {
			continue
		}
		at := unescape.Replace(fields[4])
		rel, err := filepath.Rel(at, dir)
		if err != nil || !filepath.IsLocal(rel) || len(at) < longest {
			continue
		}
		longest, found = len(at), nil
		prefix, union := unions[fields[dash+1]]
		name, served := strings.CutPrefix(unescape.Replace(fields[dash+2]), prefix)
		if !union || !served || name == "" || name != filepath.Base(at) {
			continue
		}
		if rel == "." {
			rel = ""
		}
		writable := slices.Contains(strings.Split(fields[5], ","), "rw") && slices.Contains(strings.Split(fields[dash+3], ","), "rw")
		found = &Union{Repository: Repository{Name: name, Below: rel}, Open: writable}
	}
	return found, lines.Err()
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
