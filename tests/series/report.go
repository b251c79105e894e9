package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// describe prints one line that a binary says of itself, so a tree with work in
// it is called modified.
func (l *line) describe() error {
	all := []string{}
	for _, m := range l.modules {
		s, err := m.onDisk()
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s %s (%.8s", m.name, m.counted(), s.hash())
		if fileExists(m.tree()) {
			if c, err := m.look(); err != nil || c.work(m) != "" {
				text += " modified"
			}
		}
		all = append(all, text+")")
	}
	l.say("%s", strings.Join(all, ", "))
	return nil
}

// countLines is how many lines a file has.
func countLines(data []byte) int { return strings.Count(string(data), "\n") }

// count prints the lines of our files and of the hooks, by module, for all lines.
func (l *line) count() error {
	w := tabwriter.NewWriter(l.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := "\tsrc\t"
	for _, each := range l.lines {
		header += "src." + each.name + "\t" + each.name + " patches\thooks\tpatch text\t"
	}
	fmt.Fprintln(w, header)
	totals := make([]int, 1+4*len(l.lines))
	row := func(name string, numbers []int) {
		text := name + "\t"
		for _, n := range numbers {
			text += fmt.Sprintf("%d\t", n)
		}
		fmt.Fprintln(w, text)
	}
	for i, m := range l.modules {
		numbers := make([]int, len(totals))
		for k, each := range l.lines {
			m := each.modules[i]
			disk, err := m.onDisk()
			if err != nil {
				return err
			}
			for name, data := range disk {
				switch {
				case strings.HasPrefix(name, "src/") && k == 0:
					numbers[0] += countLines(data)
				case strings.HasPrefix(name, "src."):
					numbers[1+4*k] += countLines(data)
				case !isSource(name):
					numbers[2+4*k]++
					numbers[3+4*k] += newPatch(m, name, data).adding()
					numbers[4+4*k] += countLines(data)
				}
			}
		}
		for k := range totals {
			totals[k] += numbers[k]
		}
		row(m.name, numbers)
	}
	row("all", totals)
	if err := w.Flush(); err != nil {
		return err
	}
	own, text := 0, 0
	for k := range l.lines {
		own += totals[1+4*k]
		text += totals[4+4*k]
	}
	l.say("files for one line alone: %.1f %% of our lines; patch text of all lines: %d", 100*float64(own)/float64(own+totals[0]), text)
	return nil
}

var addedTest = regexp.MustCompile(`(?m)^\+?func ((?:Test|Fuzz)[A-Z0-9][A-Za-z0-9_]*)\(`)

// addedTests is the names of the Go tests that the series has, by package.
func (m *module) addedTests() (map[string][]string, error) {
	r := repository(m.tree())
	files, err := r.changed("AM", "refs/tags/base", "HEAD", "*_test.go")
	if err != nil {
		return nil, err
	}
	tests := map[string][]string{}
	for _, file := range files {
		diff, err := r.git("diff", "refs/tags/base", "--", file)
		if err != nil {
			return nil, err
		}
		at := "./" + filepath.Dir(file)
		for _, match := range addedTest.FindAllStringSubmatch(diff, -1) {
			if strings.HasPrefix(match[0], "+") {
				tests[at] = append(tests[at], match[1])
			}
		}
	}
	return tests, nil
}

// test runs the Go tests that the series have, as root, since most of them
// mount. All of a module's tests are conformance's business.
func (l *line) test(modules []*module) error {
	if err := l.layAll(modules); err != nil {
		return err
	}
	tags, err := buildTags(l.root)
	if err != nil {
		return err
	}
	failed, ran := []string{}, 0
	for _, m := range modules {
		tests, err := m.addedTests()
		if err != nil {
			return err
		}
		packages := []string{}
		for at := range tests {
			packages = append(packages, at)
		}
		slices.Sort(packages)
		for _, at := range packages {
			arguments := []string{"--mount", "--propagation", "private", "--", "go", "test", "-count=1", "-tags", tags}
			arguments = append(arguments, strings.Fields(os.Getenv("RACE")+" "+os.Getenv("GOTESTFLAGS"))...)
			arguments = append(arguments, "-run", "^("+strings.Join(tests[at], "|")+")$", at)
			c := goCommand(m.tree(), filepath.Join(l.build(), "go.work"), arguments...)
			unshare, err := exec.LookPath("unshare")
			if err != nil {
				return err
			}
			c.Path, c.Args[0] = unshare, "unshare"
			c.Stdout, c.Stderr = l.out, os.Stderr
			ran++
			if c.Run() != nil {
				failed = append(failed, m.name+"/"+strings.TrimPrefix(at, "./"))
			}
		}
	}
	if ran == 0 {
		return fmt.Errorf("no series has a test")
	}
	if len(failed) > 0 {
		return fmt.Errorf("tests fail in %s", strings.Join(failed, " "))
	}
	return nil
}
