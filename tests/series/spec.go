package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The part of the RPM's spec that follows from go.mod and the series: upstream's
// versions, a Patch line with its reason for each patch, and the order in which
// they are applied.
const (
	blockBegin = "# ---- written by .ci/series spec: "
	blockEnd   = "# ---- end"
)

// spec writes these blocks, or compares them.
func (l *line) spec(check bool) error {
	file := filepath.Join(l.root, "rpm", "podman-cvmfs.spec")
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.load(); err != nil {
		return err
	}
	renewed, err := l.renewed(string(data))
	if err != nil {
		return err
	}
	if renewed == string(data) {
		return nil
	}
	if check {
		old, new := strings.Split(string(data), "\n"), strings.Split(renewed, "\n")
		n := 0
		for n < min(len(old), len(new)) && old[n] == new[n] {
			n++
		}
		return fmt.Errorf("%s:%d is not in step with the series and go.mod: `.ci/series spec` writes it", l.shown(file), n+1)
	}
	if err := os.WriteFile(file+".new", []byte(renewed), 0o644); err != nil {
		return err
	}
	l.say("%s: in step with the series", l.shown(file))
	return os.Rename(file+".new", file)
}

// renewed is the spec with its blocks as they should be.
func (l *line) renewed(spec string) (string, error) {
	blocks := map[string]func() ([]string, error){"versions": l.specVersions, "patches": l.specPatches, "prep": l.specPrep}
	out, block := []string{}, ""
	for _, line := range strings.Split(spec, "\n") {
		if block == "" || line == blockEnd {
			out = append(out, line)
		}
		if line == blockEnd {
			block = ""
		}
		if rest, ok := strings.CutPrefix(line, blockBegin); ok {
			block, _, _ = strings.Cut(rest, " ")
			if blocks[block] == nil {
				return "", fmt.Errorf("spec: no block %s", block)
			}
			lines, err := blocks[block]()
			if err != nil {
				return "", err
			}
			out = append(out, lines...)
		}
	}
	if block != "" {
		return "", fmt.Errorf("spec: no end of block %s", block)
	}
	return strings.Join(out, "\n"), nil
}

func (l *line) specVersions() ([]string, error) {
	version, err := goVersion(filepath.Join(l.pins, "go.mod"))
	lines := []string{"%global go_version " + version}
	for _, m := range l.modules {
		lines = append(lines,
			fmt.Sprintf("%%global %s_module %s", m.name, m.path),
			fmt.Sprintf("%%global %s_version %s", m.name, strings.TrimPrefix(m.version, "v")))
	}
	return lines, err
}

// specPatches is a Patch line with its reason for each patch with hooks; the
// files of the others lie there already.
func (l *line) specPatches() ([]string, error) {
	lines := []string{}
	err := l.eachHook(func(number int, p *patch) {
		for _, comment := range p.reason() {
			lines = append(lines, strings.ReplaceAll("# "+comment, "%", "%%"))
		}
		lines = append(lines, fmt.Sprintf("Patch%d: %s-%s", number, p.module.name, p.file))
	})
	return lines, err
}

func (l *line) specPrep() ([]string, error) {
	lines := []string{}
	err := l.eachHook(func(number int, p *patch) {
		lines = append(lines, fmt.Sprintf("%%patch -P %d -p1 -d _build/%s", number, p.module.name))
	})
	return lines, err
}

// eachHook calls do with each patch with hooks, and its number in the spec.
func (l *line) eachHook(do func(number int, p *patch)) error {
	for i, m := range l.modules {
		patches, err := m.patches()
		if err != nil {
			return err
		}
		for n, p := range patches {
			if p.hooks() {
				do((i+1)*1000+n+1, p)
			}
		}
	}
	return nil
}

// reason is the patch's subject, kind and first paragraph, folded.
func (p *patch) reason() []string {
	lines := []string{fmt.Sprintf("%s (%s)", p.subject, strings.Join(p.trailer("Reason"), " "))}
	paragraph, _, _ := strings.Cut(strings.TrimLeft(p.message, "\n"), "\n\n")
	for _, word := range strings.Fields(paragraph) {
		if last := len(lines) - 1; last > 0 && len(lines[last])+len(word) < 110 {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
