package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The series as a person sends them upstream: our packages carried into storage
// as its first commits, each patch with its files as one, what these say of our
// packages changed to match, and a cover letter for each module.

// letters is one run of mail.
type letters struct {
	*carrier
	selected []*module
}

// mail writes the mails; with check, they are applied to fresh sources, built
// one by one, and the packages' tests run.
func (l *line) mail(modules []*module, check bool) error {
	scratch, err := os.MkdirTemp("", "series")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	c, err := newCarrier(l, scratch)
	if err != nil {
		return err
	}
	a := &letters{c, modules}
	for _, m := range modules {
		if err := a.write(m); err != nil {
			return err
		}
	}
	if !check {
		return nil
	}
	return a.check()
}

func (a *letters) kept(m *module) string   { return filepath.Join(a.scratch, m.name+".kept") }
func (a *letters) mailed(m *module) string { return filepath.Join(a.scratch, m.name+".mail") }

// mails is the directory with a module's.
func (m *module) mails() string {
	return filepath.Join(m.root, "_build", "series", m.line.name, m.name)
}

// sent is the module's patches that upstream would take.
func (m *module) sent() ([]*patch, error) {
	patches, err := m.patches()
	return slices.DeleteFunc(patches, func(p *patch) bool { _, kept := p.kept(); return kept }), err
}

// write makes a module's mails.
func (a *letters) write(m *module) error {
	patches, err := m.sent()
	if err != nil {
		return err
	}
	if err := m.layBase(a.kept(m)); err != nil {
		return err
	}
	for _, p := range patches {
		if err := p.apply(a.kept(m)); err != nil {
			return fmt.Errorf("a patch that upstream would not be sent is needed by a later one: %w", err)
		}
	}
	if err := m.layBase(a.mailed(m)); err != nil {
		return err
	}
	r := repository(a.mailed(m))
	if _, err := r.git("tag", "base"); err != nil {
		return err
	}
	if m.name == "storage" {
		for _, p := range a.packages {
			if err := a.carry(r, p); err != nil {
				return err
			}
		}
	}
	if err := a.moveIn(m, r); err != nil {
		return err
	}
	return a.format(m, r)
}

var forUs = regexp.MustCompile(`(?m)^(Reason|Size-Reason|Adds|Tests|Upstream-Status):.*\n?`)

// moveIn makes the commits of the module's kept tree on top of r's, with the
// names that hold there.
func (a *letters) moveIn(m *module, r repository) error {
	if _, err := r.git("fetch", "-q", a.kept(m), "HEAD"); err != nil {
		return err
	}
	root, err := r.git("rev-list", "--max-parents=0", "FETCH_HEAD")
	if err != nil {
		return err
	}
	commits, err := r.commits(root, "FETCH_HEAD")
	if err != nil {
		return err
	}
	for _, commit := range commits {
		gone, err := r.changed("D", commit+"^", commit)
		if err != nil {
			return err
		}
		files, err := r.changed("d", commit+"^", commit)
		if err != nil {
			return err
		}
		for _, each := range []struct {
			names []string
			git   []string
		}{{gone, []string{"rm", "-q"}}, {files, []string{"checkout", "-q", commit}}} {
			if len(each.names) == 0 {
				continue
			}
			if _, err := r.git(append(append(each.git, "--"), each.names...)...); err != nil {
				return err
			}
		}
		if err := a.rename(string(r), files); err != nil {
			return err
		}
		message, err := r.git("log", "-1", "--format=%B", commit)
		if err != nil {
			return err
		}
		message = strings.ReplaceAll(forUs.ReplaceAllString(message+"\n", ""), "layers/cvmfs", "pkg/cvmfs")
		author, err := r.authored(commit)
		if err != nil {
			return err
		}
		if err := commitAll(r, author, message); err != nil {
			return err
		}
	}
	return nil
}

func commitAll(r repository, author []string, message string) error {
	if _, err := r.git("add", "-A", "-f", "."); err != nil {
		return err
	}
	_, err := r.gitWith(author, message, "commit", "-q", "--cleanup=whitespace", "-F", "-")
	return err
}

// format writes r's commits as mails, instead of what the last run wrote.
func (a *letters) format(m *module, r repository) error {
	cover, err := a.cover(m)
	if err != nil {
		return err
	}
	if _, err := r.git("config", "branch.series.description", cover); err != nil {
		return err
	}
	us, err := repository(m.root).git("log", "-1", "--format=%an%n%ae%n%aI")
	if err != nil {
		return err
	}
	who := strings.Split(us, "\n")
	if err := os.RemoveAll(m.mails()); err != nil {
		return err
	}
	if _, err = r.gitWith([]string{"GIT_COMMITTER_NAME=" + who[0], "GIT_COMMITTER_EMAIL=" + who[1], "GIT_COMMITTER_DATE=" + who[2]}, "",
		"format-patch", "-q", "--zero-commit", "--no-signature", "--numbered", "--full-index",
		"--cover-letter", "--cover-from-description=subject", "-o", m.mails(), "base..series"); err != nil {
		return err
	}
	n, err := r.git("rev-list", "--count", "base..series")
	m.say("%s: %s: a cover letter and %s mails", m.name, m.shown(m.mails()), n)
	return err
}

// cover is a module's letter: what holds for all modules is added, and what was
// left out.
func (a *letters) cover(m *module) (string, error) {
	text := ""
	for _, file := range []string{filepath.Join(m.root, m.dir, "cover.md"), filepath.Join(m.root, "podman-patches", "cover.md")} {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		text += string(data)
	}
	text += fmt.Sprintf("\nThe series stands on %s %s.\n", m.path, m.version)
	patches, err := m.patches()
	for _, p := range patches {
		if why, kept := p.kept(); kept {
			text += fmt.Sprintf("Left out: %q, %s.\n", p.subject, why)
		}
	}
	return text, err
}

// check applies the mails to fresh sources, one by one. storage has all that it
// needs in its own go.mod; the others take what the storage before them is from
// a workspace, as they would from a release of it.
func (a *letters) check() error {
	l := a.line
	tags, err := buildTags(l.root)
	if err != nil {
		return err
	}
	c := &checker{line: l, scratch: filepath.Join(a.scratch, "check"), tags: tags}
	for _, m := range l.modules {
		if err := m.layBase(filepath.Join(c.scratch, m.name)); err != nil {
			return err
		}
	}
	if err := l.writeWorkspace(c.scratch, ""); err != nil {
		return err
	}
	for _, m := range l.modules {
		if err := a.checkOne(c, m); err != nil {
			return err
		}
	}
	if c.problems > 0 {
		return fmt.Errorf("%d problems", c.problems)
	}
	return nil
}

func (a *letters) checkOne(c *checker, m *module) error {
	r := repository(filepath.Join(c.scratch, m.name))
	mails, err := filepath.Glob(filepath.Join(m.mails(), "*.patch"))
	if err != nil {
		return err
	}
	if len(mails) == 0 {
		return fmt.Errorf("%s: no mails to check: `make series` writes them", m.name)
	}
	wanted := slices.Contains(a.selected, m)
	var good []string
	if wanted {
		good = c.buildable(m)
	}
	for _, mail := range mails {
		label := m.name + "/" + filepath.Base(mail)
		if strings.Contains(label, "/0000-") {
			continue
		}
		if _, err := r.git("am", "-q", "--committer-date-is-author-date", mail); err != nil {
			return fmt.Errorf("%s: does not apply after the mails before it: %w", label, err)
		}
		if !wanted { // what the selected ones stand on
			continue
		}
		data, err := os.ReadFile(mail)
		if err != nil {
			return err
		}
		p := newPatch(m, filepath.Base(mail), data)
		if forUs.MatchString(p.message) {
			c.problem("%s: speaks to this repository's check", label)
		}
		if err := c.step(m, p, good); err != nil {
			return err
		}
		m.say("%s: applied, built", label)
	}
	if !wanted {
		return nil
	}
	got, err := r.git("rev-parse", "HEAD^{tree}")
	if err != nil {
		return err
	}
	if want, err := repository(a.mailed(m)).git("rev-parse", "HEAD^{tree}"); err != nil || got != want {
		return errors.Join(err, fmt.Errorf("%s: what the mails make of it is not what the series does", m.name))
	}
	if m.name == "storage" {
		packages := []string{}
		for _, p := range a.packages {
			packages = append(packages, "./"+inStorage(p))
		}
		for _, do := range [][]string{{"vet"}, {"test", "-timeout", "15m"}} {
			if out, ok := c.goOutput(m, append(append(do, "-tags", c.tags), packages...)...); !ok {
				c.problem("storage: go %s of the packages that are carried in\n%s", do[0], out)
			}
		}
		m.say("storage: %d packages carried in, their tests run", len(packages))
	}
	return nil
}
