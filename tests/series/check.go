package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// checker is one run of the check. It collects what is wrong rather than stop at
// the first, and works in a scratch directory.
type checker struct {
	line     *line
	scratch  string
	tags     string
	tests    bool // each patch passes the tests of the packages that it touches
	problems int
}

func (c *checker) problem(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "series: "+format+"\n", arguments...)
	c.problems++
}

// check is everything that a reader of the line's series may rely on.
func (l *line) check(modules []*module, flags []string) error {
	if err := l.load(); err != nil {
		return err
	}
	tags, err := buildTags(l.root)
	if err != nil {
		return err
	}
	c := &checker{line: l, tags: tags, tests: slices.Contains(flags, "--test")}
	wanted := map[*module]bool{}
	for _, m := range modules {
		if slices.Contains(flags, "--changed") && m.passed() {
			l.say("%s %s: passed before, as it is", l.name, m.name)
			continue
		}
		wanted[m] = true
	}
	if len(wanted) == 0 {
		return nil
	}
	if c.scratch, err = os.MkdirTemp("", "series"); err != nil {
		return err
	}
	defer os.RemoveAll(c.scratch)
	for _, m := range l.modules { // what a series may use is there from the first build
		if err := m.unpack(filepath.Join(c.scratch, m.name)); err != nil {
			return err
		}
	}
	if err := l.writeWorkspace(c.scratch, l.root); err != nil {
		return err
	}
	c.parents()
	for _, m := range l.modules {
		if err := c.module(m, wanted[m]); err != nil {
			c.problem("%v", err)
			return fmt.Errorf("%d problems; the check ended at %s", c.problems, m.name)
		}
	}
	if err := c.foreign(); err != nil {
		return err
	}
	if l == l.lines[0] {
		if err := l.spec(true); err != nil {
			c.problem("%v", err)
		}
	}
	// All series together, in what is shipped: a patch of storage can break podman.
	last := l.modules[len(l.modules)-1]
	if out, ok := c.build(last, last.packages); !ok {
		c.problem("%s: does not build on all series together\n%s", last.name, out)
	}
	if c.problems > 0 {
		return fmt.Errorf("%d problems", c.problems)
	}
	for _, m := range l.modules {
		if wanted[m] {
			if err := m.markPassed(); err != nil {
				return err
			}
			l.say("series: %s %s %s: in order", l.name, m.name, m.counted())
		}
	}
	return nil
}

// passed says whether a check has passed with the module, and with those before
// it, as they are. What layers/cvmfs offers them is not part of that: `make
// lint-patched` type-checks the trees with it.
func (m *module) passed() bool {
	inputs, err := m.line.inputsUpTo(m)
	data, err2 := os.ReadFile(m.passedFile())
	return err == nil && err2 == nil && string(data) == inputs
}

func (m *module) passedFile() string { return filepath.Join(m.build(), ".checked."+m.name) }

func (m *module) markPassed() error {
	inputs, err := m.line.inputsUpTo(m)
	if err != nil {
		return err
	}
	return writeFile(m.passedFile(), []byte(inputs))
}

func (l *line) inputsUpTo(last *module) (string, error) {
	all := ""
	for _, m := range l.modules {
		inputs, err := m.inputs()
		if err != nil {
			return "", err
		}
		if all += inputs; m == last {
			break
		}
	}
	return all, nil
}

// parents looks at where series lie: nothing strays there.
func (c *checker) parents() {
	for _, m := range c.line.modules {
		entries, _ := os.ReadDir(filepath.Join(c.line.root, m.dir))
		for _, e := range entries {
			switch name := e.Name(); {
			case e.IsDir() && (name == "src" || c.line.isLine(strings.TrimPrefix(name, "src."))):
			case !e.IsDir() && (strings.HasSuffix(name, ".md") || name == "go.mod"):
			default:
				c.problem("%s: only src, src.LINE, LINE and *.md belong here", filepath.Join(m.dir, name))
			}
		}
	}
}

func (p *project) isLine(name string) bool {
	return slices.ContainsFunc(p.lines, func(l *line) bool { return l.name == name })
}

// directory checks a module's patches: only patches, numbered 0001, 0002, …
func (c *checker) directory(m *module) {
	entries, _ := os.ReadDir(m.patchDir())
	n := 0
	for _, e := range entries {
		label := filepath.Join(m.dir, m.line.name, e.Name())
		if !strings.HasSuffix(e.Name(), ".patch") {
			c.problem("%s: only *.patch belongs here", label)
			continue
		}
		n++
		if !regexp.MustCompile(fmt.Sprintf(`^%04d-[A-Za-z0-9._-]+\.patch$`, n)).MatchString(e.Name()) {
			c.problem("%s: expected number %04d, as git format-patch numbers them", label, n)
		}
	}
}

// module checks one, patch after patch, and leaves its tree laid. It fails where
// the rest of the check would have nothing to stand on.
func (c *checker) module(m *module, wanted bool) error {
	dir := filepath.Join(c.scratch, m.name)
	var good []string
	if wanted {
		if good = c.buildable(m); len(good) == 0 {
			return fmt.Errorf("%s: nothing in upstream's tree builds", m.name)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if !wanted {
		return m.layAt(dir, nil)
	}
	c.directory(m)
	patches, err := m.patches()
	if err != nil {
		return err
	}
	added, hooked := map[string]string{}, map[string]bool{}
	for _, p := range patches {
		for _, name := range p.adds() {
			added[name] = p.file
		}
		for _, match := range regexp.MustCompile(`(?m)^\+\+\+ b/(.*_test\.go)$`).FindAllStringSubmatch(string(p.data), -1) {
			hooked[match[1]] = true
		}
	}
	ours, err := m.ours()
	if err != nil {
		return err
	}
	for _, name := range ours {
		if added[name] == "" {
			source, _ := m.sourceOf(name)
			c.problem("%s: comes with no patch of %s: an Adds: line names it", m.shown(source), filepath.Join(m.dir, m.line.name))
		}
	}
	err = m.layAt(dir, func(p *patch) error {
		before := c.problems
		for _, problem := range append(p.header(), p.tests(hooked)...) {
			c.problem("%s", problem)
		}
		if err := c.step(m, p, good); err != nil {
			return err
		}
		if c.problems == before {
			m.say("%s: read, applied, built%s", p.label(), map[bool]string{true: ", tested"}[c.tests])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.roundTrip(m, dir)
}

// roundTrip exports the tree again and compares.
func (c *checker) roundTrip(m *module, dir string) error {
	r := repository(dir)
	base, err := r.git("rev-list", "--max-parents=0", "HEAD")
	if err != nil {
		return err
	}
	again, err := m.stateOf(r, base, "HEAD", false)
	if err != nil {
		return err
	}
	disk, err := m.onDisk()
	if err != nil {
		return err
	}
	for _, name := range again.differences(disk) {
		c.problem("%s: applied and exported again it comes out different; patches are written by `make patch-export`, never by hand, "+
			"and sources are as gofmt has them", filepath.Join(m.dir, name))
	}
	return nil
}

// step checks what the tree's last commit makes of it: it builds, and so do the
// tests of the packages that it touches.
func (c *checker) step(m *module, p *patch, good []string) error {
	touched, err := c.touched(m)
	if err != nil {
		return err
	}
	if out, ok := c.build(m, append(slices.Clone(good), touched...)); !ok {
		c.problem("%s: does not build\n%s", p.label(), out)
		return nil
	}
	if len(touched) == 0 {
		return nil
	}
	if out, ok := c.goOutput(m, append([]string{"list", "-test", "-export", "-tags", c.tags}, touched...)...); !ok {
		c.problem("%s: its packages' tests do not build\n%s", p.label(), out)
		return nil
	}
	if !c.tests {
		return nil
	}
	if out, ok := c.goOutput(m, append([]string{"test", "-timeout", "15m", "-tags", c.tags}, touched...)...); !ok {
		c.problem("%s: its packages' tests fail\n%s", p.label(), out)
	}
	return nil
}

func (c *checker) build(m *module, packages []string) (out string, ok bool) {
	return c.goOutput(m, append([]string{"build", "-o", os.DevNull, "-tags", c.tags}, packages...)...)
}

// goOutput runs go in the module's scratch tree; out is for people.
func (c *checker) goOutput(m *module, arguments ...string) (out string, ok bool) {
	all, err := goCommand(filepath.Join(c.scratch, m.name), filepath.Join(c.scratch, "go.work"), arguments...).CombinedOutput()
	lines := strings.SplitAfter(string(all), "\n")
	return strings.Join(lines[:min(len(lines), 30)], ""), err == nil
}

// buildable is what compiles of upstream's module on this system; some packages
// are for others.
func (c *checker) buildable(m *module) []string {
	if !slices.Contains(m.packages, "./...") {
		return m.packages
	}
	command := goCommand(filepath.Join(c.scratch, m.name), filepath.Join(c.scratch, "go.work"), append([]string{
		"list", "-e", "-export", "-tags", c.tags, "-f", "{{if not (or .Error .DepsErrors)}}{{.ImportPath}}{{end}}",
	}, m.packages...)...)
	out, _ := command.Output() // it fails where a package does
	return strings.Fields(string(out))
}

// touched is the packages, as ./directories, whose Go files the last commit touches.
func (c *checker) touched(m *module) ([]string, error) {
	dir := filepath.Join(c.scratch, m.name)
	files, err := repository(dir).changed("AMD", "HEAD^", "HEAD", "*.go")
	packages := []string{}
	for _, file := range files {
		at := filepath.Dir(file)
		if left, _ := filepath.Glob(filepath.Join(dir, at, "*.go")); len(left) > 0 && !slices.Contains(packages, "./"+at) {
			packages = append(packages, "./"+at)
		}
	}
	return packages, err
}
