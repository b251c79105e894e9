package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is a module as it is linked into something.
type module struct {
	Path, Version, Dir string
	Packages           []string // directories of those that are linked
}

// build is how a program is built.
type build struct {
	name     string // as people call it
	dir      string
	work     string // GOWORK
	tags     string
	packages []string
}

// linked lists the modules that a program is made of, by path: of those that
// this workspace holds itself only what upstream has. The program's own module
// and the standard library are none.
func linked(b build) (map[string]module, error) {
	args := append([]string{"list", "-mod=readonly", "-deps", "-json=Dir,Module", "-tags", b.tags}, b.packages...)
	out, err := goCommand(b, args...)
	if err != nil {
		return nil, fmt.Errorf("listing what %s links: %w", b.name, err)
	}
	found := map[string]module{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
				Replace            *struct{ Path, Version, Dir string }
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("listing what %s links: %w", b.name, err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		m := module{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir}
		if r := p.Module.Replace; r != nil {
			m.Version, m.Dir = r.Version, r.Dir
			if r.Path != m.Path {
				m.Version = r.Path + "@" + r.Version
			}
		}
		m.Packages = found[m.Path].Packages
		if !slices.Contains(m.Packages, p.Dir) {
			m.Packages = append(m.Packages, p.Dir)
		}
		found[m.Path] = m
	}
}

func goCommand(b build, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), "GOWORK="+b.work)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out, nil
}

const podmanModule = "github.com/containers/podman/v4"

// programs are what we build, and stock podman beside its patched form.
func programs(root, tags string) (ours, patched []build, stock build, err error) {
	work := filepath.Join(root, "_build/v4/go.work")
	if _, err := os.Stat(work); err != nil {
		return nil, nil, build{}, fmt.Errorf("no patched trees, `make lay` lays them: %w", err)
	}
	for _, name := range []string{"cvmfs-layers", "cvmfs-standin", "cvmfs-view"} {
		ours = append(ours, build{name, root, work, "", []string{"./layers/cvmfs/cmd/" + name}})
	}
	podman := filepath.Join(root, "_build/v4/podman")
	patched = []build{
		{"podman", podman, work, tags, []string{"./cmd/podman", "./cmd/rootlessport"}},
		{"podman-remote", podman, work, "remote " + tags, []string{"./cmd/podman"}},
		{"containers-storage", filepath.Join(root, "_build/v4/storage"), work, tags, []string{"./cmd/containers-storage"}},
	}
	dir, err := goCommand(build{dir: root, work: "off"}, "list", "-m", "-f", "{{.Dir}}", podmanModule)
	if err != nil {
		return nil, nil, build{}, err
	}
	stock = build{"stock podman", strings.TrimSpace(string(dir)), "off", tags, patched[0].packages}
	if stock.dir == "" {
		return nil, nil, build{}, fmt.Errorf("no sources of stock podman: `go mod download %s`", podmanModule)
	}
	return ours, patched, stock, nil
}
