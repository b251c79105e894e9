package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// project is a checkout of this repository.
type project struct {
	root  string
	lines []*line // oldest first; files under src/ have the last one's import paths
	out   io.Writer
}

// line is a generation of podman with the modules that it is built from.
type line struct {
	*project
	name    string
	pins    string    // the directory with the go.mod that names its versions
	modules []*module // in order of dependence: a series may use the ones before it
}

// module is an upstream module of a line.
type module struct {
	*line
	name     string
	path     string   // its module path in this line
	dir      string   // where our files and patches are, from the root
	packages []string // what is built of it
	version  string   // as pins has it; set by load
}

// newProject is the project whose checkout is at root, with its lines.
func newProject(root string, out io.Writer) *project {
	p := &project{root: root, out: out}
	p.addLine("v4", ".", "github.com/containers/storage", "github.com/containers/image/v5",
		"github.com/containers/common", "github.com/containers/buildah", "github.com/containers/podman/v4")
	p.addLine("v5", "podman-patches/v5", "go.podman.io/storage", "go.podman.io/image/v5",
		"go.podman.io/common", "github.com/containers/buildah", "github.com/containers/podman/v5")
	return p
}

func (p *project) addLine(name, pins, storage, image, common, buildah, podman string) {
	l := &line{project: p, name: name, pins: filepath.Join(p.root, pins)}
	all := []string{"./..."}
	l.modules = []*module{
		{line: l, name: "storage", path: storage, dir: "storage", packages: all},
		{line: l, name: "image", path: image, dir: "podman-patches/image", packages: all},
		{line: l, name: "common", path: common, dir: "podman-patches/common", packages: all},
		{line: l, name: "buildah", path: buildah, dir: "podman-patches/buildah", packages: []string{".", "./imagebuildah"}},
		{line: l, name: "podman", path: podman, dir: "podman-patches/podman", packages: []string{"./cmd/podman", "./cmd/rootlessport"}},
	}
	p.lines = append(p.lines, l)
}

// line finds one by its name; the first where that is empty.
func (p *project) line(name string) (*line, error) {
	names := []string{}
	for _, l := range p.lines {
		if l.name == name || name == "" {
			return l, nil
		}
		names = append(names, l.name)
	}
	return nil, fmt.Errorf("LINE=%s is none of %s", name, strings.Join(names, ", "))
}

func (p *project) say(format string, arguments ...any) { fmt.Fprintf(p.out, format+"\n", arguments...) }

// newest is the line whose import paths our sources have.
func (p *project) newest() *line { return p.lines[len(p.lines)-1] }

// selected is the named modules in order of dependence, or all.
func (l *line) selected(names []string) ([]*module, error) {
	if len(names) == 0 {
		return l.modules, nil
	}
	wanted, known := map[string]bool{}, []string{}
	for _, name := range names {
		wanted[name] = true
	}
	modules := []*module{}
	for _, m := range l.modules {
		known = append(known, m.name)
		if wanted[m.name] {
			modules = append(modules, m)
			delete(wanted, m.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("no module %s; there are: %s", name, strings.Join(known, " "))
	}
	return modules, nil
}

// build is the directory with the line's trees.
func (l *line) build() string { return filepath.Join(l.root, "_build", l.name) }

func (m *module) tree() string { return filepath.Join(m.build(), m.name) }

// shown is a path as a user types it.
func (p *project) shown(path string) string {
	if rel, err := filepath.Rel(p.root, path); err == nil {
		return rel
	}
	return path
}

// patchDir, commonSources and ownSources are where a module's patches, its files
// for all lines and its files for this line alone lie.
func (m *module) patchDir() string      { return filepath.Join(m.root, m.dir, m.line.name) }
func (m *module) commonSources() string { return filepath.Join(m.root, m.dir, "src") }
func (m *module) ownSources() string    { return filepath.Join(m.root, m.dir, "src."+m.line.name) }

// load reads the versions of the line's modules from its go.mod, the only place
// that names them.
func (l *line) load() error {
	arguments := []string{"list", "-mod=readonly", "-m", "-json"}
	for _, m := range l.modules {
		arguments = append(arguments, m.path)
	}
	out, err := goCommand(l.pins, "off", arguments...).Output()
	if err != nil {
		return fmt.Errorf("reading versions from %s/go.mod: %w", l.shown(l.pins), withStderr(err))
	}
	versions := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var found struct {
			Path, Version string
			Replace       *struct{}
		}
		if err := decoder.Decode(&found); err != nil {
			return fmt.Errorf("reading versions: %w", err)
		}
		if found.Replace != nil {
			return fmt.Errorf("go.mod replaces %s: its sources would not be the ones that go.sum names", found.Path)
		}
		versions[found.Path] = found.Version
	}
	for _, m := range l.modules {
		m.version = versions[m.path]
	}
	return nil
}

// goCommand is a go command in dir, with a workspace or "off". -trimpath makes
// results independent of the directory, so that they come from the build cache.
func goCommand(dir, work string, arguments ...string) *exec.Cmd {
	c := exec.Command("go", arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK="+work, "GOFLAGS=-trimpath -buildvcs=false")
	if os.Getenv("USER") == "" {
		c.Env = append(c.Env, "USER=root") // storage's package types wants one
	}
	return c
}

// withStderr adds what a command said of its failure.
func withStderr(err error) error {
	var e *exec.ExitError
	if errors.As(err, &e) && len(e.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(e.Stderr)))
	}
	return err
}

// lock keeps other runs from the line's trees until the returned function is
// called. What a killed run left is removed: directories .tmp.*.
func (l *line) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.build(), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(l.build(), ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Fprintln(os.Stderr, "series: waiting for another run")
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			return nil, fmt.Errorf("locking %q: %w", file.Name(), err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(l.build(), ".tmp.*"))
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	return func() { file.Close() }, nil
}
