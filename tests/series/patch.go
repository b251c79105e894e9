package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// patch is one of a module's patches, as git format-patch wrote it.
type patch struct {
	module  *module
	file    string // its name, such as 0001-overlay-do.patch
	data    []byte
	message string // the commit's, without the subject
	subject string
}

// label is the patch as a user types it.
func (p *patch) label() string { return filepath.Join(p.module.dir, p.module.line.name, p.file) }

// patches reads the module's, in order.
func (m *module) patches() ([]*patch, error) {
	files, err := filepath.Glob(filepath.Join(m.patchDir(), "*.patch"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	patches := []*patch{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		patches = append(patches, newPatch(m, filepath.Base(file), data))
	}
	return patches, nil
}

func newPatch(m *module, file string, data []byte) *patch {
	p := &patch{module: m, file: file, data: data}
	header, rest, _ := strings.Cut(string(data), "\n\n")
	inSubject := false
	for _, line := range strings.Split(header, "\n") {
		switch subject, ok := strings.CutPrefix(line, "Subject: [PATCH] "); {
		case ok:
			p.subject, inSubject = subject, true
		case inSubject && strings.HasPrefix(line, " "):
			p.subject += line
		default:
			inSubject = false
		}
	}
	// Without a stat, format-patch writes no --- line, so the diff itself is the end.
	for _, end := range []string{"\n---\n", "\ndiff --git "} {
		if before, _, ok := strings.Cut("\n"+rest, end); ok {
			rest = strings.TrimPrefix(before+"\n", "\n")
		}
	}
	p.message = rest
	return p
}

// hooks says whether the patch changes anything by itself.
func (p *patch) hooks() bool { return strings.Contains(string(p.data), "\ndiff --git ") }

// hookLimit is how many lines one patch adds to upstream's files.
const hookLimit = 150

// adding is how many lines the patch adds to upstream's files.
func (p *patch) adding() int {
	_, diff, _ := strings.Cut(string(p.data), "\ndiff --git ")
	return len(addedLine.FindAllString(diff, -1))
}

var addedLine = regexp.MustCompile(`(?m)^\+(?:[^+].*|\+?)$`)

// trailer is the values of a header line of ours.
func (p *patch) trailer(key string) []string {
	values := []string{}
	for _, line := range strings.Split(p.message, "\n") {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// words is the values of a header line that lists things.
func (p *patch) words(key string) []string {
	return strings.FieldsFunc(strings.Join(p.trailer(key), " "), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
}

// adds is the files of ours that come with the patch, as their paths in the module.
func (p *patch) adds() []string { return p.words("Adds") }

// kept says why upstream would not be sent the patch, if so.
func (p *patch) kept() (why string, kept bool) {
	for _, status := range p.trailer("Upstream-Status") {
		for _, word := range []string{"Inappropriate", "Backport"} {
			if rest, ok := strings.CutPrefix(status, word); ok {
				return strings.Trim(rest, " []"), true
			}
		}
	}
	return "", false
}

var trailerLine = regexp.MustCompile(`^[A-Z][A-Za-z-]+:`)

// withAdds is a commit message with these files as its Adds lines, at most
// about 110 characters each: where they were, or in front of "Tests:".
func withAdds(message string, files []string) string {
	added := []string{}
	for _, file := range files {
		if n := len(added); n > 0 && len(added[n-1])+len(file) < 110 {
			added[n-1] += " " + file
		} else {
			added = append(added, "Adds: "+file)
		}
	}
	lines, done := []string{}, false
	for _, line := range strings.Split(strings.TrimRight(message, "\n"), "\n") {
		ours := strings.HasPrefix(line, "Adds:")
		if (ours || strings.HasPrefix(line, "Tests:")) && !done {
			lines, done = append(lines, added...), true
		}
		if !ours {
			lines = append(lines, line)
		}
	}
	if !done && len(added) > 0 {
		if last := lines[len(lines)-1]; !trailerLine.MatchString(last) {
			lines = append(lines, "")
		}
		lines = append(lines, added...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// header is what is wrong with the patch's.
func (p *patch) header() []string {
	problems := []string{}
	problem := func(format string, arguments ...any) {
		problems = append(problems, p.label()+": "+fmt.Sprintf(format, arguments...))
	}
	for _, key := range []string{"Reason", "Tests", "Upstream-Status"} {
		values := p.trailer(key)
		if len(values) == 0 {
			problem("no %s: line in the header", key)
		}
		if len(values) > 1 && key != "Tests" {
			problem("%s: given %d times", key, len(values))
		}
	}
	if strings.HasPrefix(p.subject, "fixup! ") || strings.HasPrefix(p.subject, "squash! ") || strings.HasPrefix(p.subject, "amend! ") {
		problem("still to be folded into another: git rebase -i --autosquash base")
	}
	why := false
	for _, line := range strings.Split(p.message, "\n") {
		why = why || line != "" && !trailerLine.MatchString(line)
	}
	if !why {
		problem("the header does not say what changes and why")
	}
	if n := p.adding(); n > hookLimit && len(p.trailer("Size-Reason")) == 0 {
		problem("adds %d lines to upstream's files, more than %d: put the logic into a file of ours, split it, or argue in a Size-Reason: line", n, hookLimit)
	}
	if !p.hooks() && len(p.adds()) == 0 {
		problem("neither changes nor adds anything")
	}
	for _, allowed := range []struct{ key, values, words string }{
		{"Reason", `(feature|build|security|temporary)`, "feature, build, security, temporary"},
		{
			"Upstream-Status", `(Pending|(Submitted|Backport) \[https?://[^\] ]+\]|Inappropriate \[[^\]]+\])`,
			"Pending, Submitted [url], Backport [url], Inappropriate [why]",
		},
	} {
		for _, value := range p.trailer(allowed.key) {
			if !regexp.MustCompile("^" + allowed.values + "$").MatchString(value) {
				problem("%s: %s is none of %s", allowed.key, value, allowed.words)
			}
		}
	}
	return problems
}

// tests is what is wrong with the tests that the header names: each is a file of
// this repository, or a Go test of ours in the module. hooked has the test files
// of upstream's that the series changes.
func (p *patch) tests(hooked map[string]bool) []string {
	problems := []string{}
	for _, test := range p.words("Tests") {
		if !filepath.IsLocal(test) {
			problems = append(problems, fmt.Sprintf("%s: Tests: %s is not a path in the repository", p.label(), test))
			continue
		}
		if _, err := os.Stat(filepath.Join(p.module.root, test)); err == nil {
			continue
		}
		if strings.HasSuffix(test, "_test.go") && (hooked[test] || p.module.has(test)) {
			continue
		}
		problems = append(problems, fmt.Sprintf("%s: Tests: %s does not exist", p.label(), test))
	}
	return problems
}
