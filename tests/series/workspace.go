package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// workspace is a go.work over the line's trees in dir and, if that is not empty,
// our module at ours. It is the last module's binary that is shipped, as its own
// go.mod has it built; a workspace however obeys the replace directives of all
// its modules, and common has had one that takes runc years back. So each of
// these is undone.
func (l *line) workspace(dir, ours string) (string, error) {
	version, err := goVersion(filepath.Join(l.pins, "go.mod"))
	if err != nil {
		return "", err
	}
	uses := []string{}
	if ours != "" {
		rel, err := filepath.Rel(dir, ours)
		if err != nil {
			return "", err
		}
		uses = append(uses, rel)
	}
	replaced := map[string]bool{}
	for i, m := range l.modules {
		uses = append(uses, "./"+m.name)
		last := i == len(l.modules)-1
		paths, err := replaces(filepath.Join(dir, m.name, "go.mod"))
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			replaced[path] = !last // the last module's own stay
		}
	}
	sort.Strings(uses)
	out := "go " + version + "\n\nuse (\n\t" + strings.Join(uses, "\n\t") + "\n)\n"
	paths := []string{}
	for path, undo := range replaced {
		if undo {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	for _, path := range paths {
		version, err := goCommand(l.pins, "off", "list", "-mod=readonly", "-m", "-f", "{{.Version}}", path).Output()
		if err != nil {
			return "", fmt.Errorf("the version of %s, which a module replaces: %w", path, withStderr(err))
		}
		out += fmt.Sprintf("\nreplace %s => %s %s\n", path, path, strings.TrimSpace(string(version)))
	}
	return out, nil
}

// writeWorkspace writes dir/go.work if it is not as it should be: go notices
// when it was touched.
func (l *line) writeWorkspace(dir, ours string) error {
	work, err := l.workspace(dir, ours)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "go.work")
	if old, err := os.ReadFile(file); err == nil && string(old) == work {
		return nil
	}
	if err := os.WriteFile(file+".new", []byte(work), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// modFile is what `go mod edit -json` tells of a go.mod.
type modFile struct {
	Go      string
	Replace []struct{ Old struct{ Path string } }
}

func readMod(file string) (m modFile, err error) {
	out, err := exec.Command("go", "mod", "edit", "-json", file).Output()
	if err == nil {
		err = json.Unmarshal(out, &m)
	}
	if err != nil {
		err = fmt.Errorf("reading %q: %w", file, withStderr(err))
	}
	return m, err
}

func goVersion(file string) (string, error) {
	m, err := readMod(file)
	return m.Go, err
}

// replaces is the modules that a go.mod replaces; none where it is not there yet.
func replaces(file string) ([]string, error) {
	if !fileExists(file) {
		return nil, nil
	}
	m, err := readMod(file)
	paths := []string{}
	for _, r := range m.Replace {
		paths = append(paths, r.Old.Path)
	}
	return paths, err
}

// buildTags is what .ci/tags prints, or TAGS from the environment.
func buildTags(root string) (string, error) {
	if tags := os.Getenv("TAGS"); tags != "" {
		return tags, nil
	}
	out, err := exec.Command(filepath.Join(root, ".ci", "tags")).Output()
	if err != nil {
		return "", fmt.Errorf("asking .ci/tags for build tags: %w", withStderr(err))
	}
	return strings.TrimSpace(string(out)), nil
}
