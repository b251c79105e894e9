package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// treeFormat counts changes in how a tree is laid: one laid by another number is
// laid again.
const treeFormat = "2"

// stamp says what a tree was made from, so that work in it can be told from what
// the series holds. It lies in the tree's .git: they live and die together.
type stamp struct {
	Inputs   string // a hash of all that the tree was laid from
	Base     string // the commit of upstream's files that the tree stands on
	Laid     string // the commit as it was laid
	LaidBase string // the base that Laid stands on: another one after a bump
	Pending  string // a commit that the tree is being reset to; a killed run leaves it
}

func (m *module) stampFile() string { return filepath.Join(m.tree(), ".git", "series.json") }

func (m *module) readStamp() (s stamp, err error) {
	data, err := os.ReadFile(m.stampFile())
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %s was not laid by this program: move it away (%w)", m.name, m.shown(m.tree()), err)
	}
	return s, nil
}

// writeStamp replaces the stamp of a tree. The tag is for people: git log base..
func (m *module) writeStamp(dir string, s stamp) error {
	if _, err := repository(dir).git("update-ref", "refs/tags/base", s.Base); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, ".git", "series.json")
	if err := os.WriteFile(file+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// inputs is a hash of all that the module's tree is laid from.
func (m *module) inputs() (string, error) {
	s, err := m.onDisk()
	if err != nil {
		return "", err
	}
	s["format"], s["module"] = []byte(treeFormat), []byte(m.path+" "+m.version)
	return s.hash(), nil
}

// condition is a tree as it stands.
type condition struct {
	stamp
	head  string
	dirty []string // lines of git status, for what is not committed
	busy  bool     // a rebase or am is half way
}

// look finds out how the module's tree stands. A reset that a killed run began
// is brought to its end.
func (m *module) look() (c condition, err error) {
	if c.stamp, err = m.readStamp(); err != nil {
		return c, err
	}
	r := repository(m.tree())
	if c.Pending != "" {
		if c.stamp, err = m.reset(c.stamp); err != nil {
			return c, err
		}
	}
	if c.head, err = r.git("rev-parse", "-q", "--verify", "HEAD"); err != nil {
		return c, fmt.Errorf("%s: %s has no commit: remove it", m.name, m.shown(m.tree()))
	}
	status, err := r.git("status", "--porcelain", "--untracked-files=all")
	if status != "" {
		c.dirty = strings.Split(status, "\n")
	}
	c.busy = fileExists(filepath.Join(m.tree(), ".git", "rebase-apply")) || fileExists(filepath.Join(m.tree(), ".git", "rebase-merge"))
	return c, err
}

// work says what the tree holds that its stamp does not know; it is empty where
// there is nothing.
func (c condition) work(m *module) string {
	what := []string{}
	if c.head != c.Laid {
		what = append(what, "commits that are not exported")
	}
	if len(c.dirty) > 0 {
		what = append(what, "uncommitted changes")
	}
	if c.busy {
		what = append(what, "an unfinished rebase or am")
	}
	return strings.Join(what, " and ")
}

// reset makes the tree the commit that s has as pending.
func (m *module) reset(s stamp) (stamp, error) {
	r := repository(m.tree())
	os.Remove(filepath.Join(m.tree(), ".git", "index.lock")) // of a killed run: the lock is ours
	if _, err := r.git("checkout", "-q", "-f", "-B", "series", s.Pending); err != nil {
		return s, err
	}
	s.Laid, s.LaidBase, s.Pending = s.Pending, s.Base, ""
	return s, m.writeStamp(m.tree(), s)
}

// lay brings the module's tree in step with the repository, unless it holds work.
func (m *module) lay() error {
	inputs, err := m.inputs()
	if err != nil {
		return err
	}
	if fileExists(m.tree()) {
		c, err := m.look()
		if err != nil {
			return err
		}
		work := c.work(m)
		switch {
		case c.Inputs == inputs && work == "":
			return nil
		case c.Inputs == inputs:
			m.say("%s: using your %s; `make patch-export LINE=%s` writes them", m.name, work, m.line.name)
			return nil
		case work != "":
			return fmt.Errorf("%s: both sides changed: %s holds your %s, and %s or its version changed since. "+
				"Keep both: `make patch-export`, which compares file by file. Set yours aside on a branch: `make recover`",
				m.name, m.shown(m.tree()), work, m.dir)
		}
	}
	return m.layAgain(inputs)
}

// layAgain lays the tree whatever it holds; branches and stashes stay.
func (m *module) layAgain(inputs string) error {
	tmp, err := os.MkdirTemp(m.build(), ".tmp.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	new := filepath.Join(tmp, m.name)
	if err := m.layAt(new, nil); err != nil {
		if errors.Is(err, errApply) {
			return fmt.Errorf("%w; `.ci/series bump %s VERSION` moves a series to another version", err, m.name)
		}
		return err
	}
	r := repository(new)
	s := stamp{Inputs: inputs}
	if s.Laid, err = r.git("rev-parse", "HEAD"); err != nil {
		return err
	}
	if s.Base, err = r.git("rev-list", "--max-parents=0", "HEAD"); err != nil {
		return err
	}
	s.LaidBase = s.Base
	if !fileExists(m.tree()) {
		if err := m.writeStamp(new, s); err != nil {
			return err
		}
		err = os.Rename(new, m.tree())
	} else {
		if _, err := repository(m.tree()).git("fetch", "-q", "--no-tags", new, "series"); err != nil {
			return err
		}
		s.Pending = s.Laid
		if err := m.writeStamp(m.tree(), s); err != nil {
			return err
		}
		_, err = m.reset(s)
	}
	if err == nil {
		m.say("%s: %s %s, patches and files of ours: %s", m.name, m.path, m.version, m.counted())
	}
	return err
}

// counted is how many patches and files the module has in this line.
func (m *module) counted() string {
	patches, _ := m.patches()
	files, _ := m.ours()
	return fmt.Sprintf("%d+%d", len(patches), len(files))
}

// layAll lays trees, and the workspace over all of them.
func (l *line) layAll(modules []*module) error {
	for _, m := range modules {
		if err := m.lay(); err != nil {
			return err
		}
	}
	return l.writeWorkspace(l.build(), l.root)
}

// work lays the line's trees and says what to do with them.
func (l *line) work(modules []*module) error {
	if err := l.layAll(modules); err != nil {
		return err
	}
	at := l.shown(l.build())
	tags, err := buildTags(l.root)
	if err != nil {
		return err
	}
	l.say(`
%[1]s/go.work joins the trees and layers/cvmfs: open %[1]s in an editor, and gopls finds it.
In a shell: export GOWORK=%[2]s/go.work GOFLAGS=-tags=%[3]s

Our files may be edited there or under src/; the trees of other lines follow what
is under src/. Hooks in upstream's files are commits:
    git commit -a --fixup=COMMIT && GIT_SEQUENCE_EDITOR=: git rebase -i --autosquash base
Then, from the top:
    make patch-export LINE=%[4]s`, at, l.build(), strings.ReplaceAll(tags, " ", ","), l.name)
	return nil
}

// recover sets what trees hold aside on a branch, and lays them again.
func (l *line) recover(modules []*module) error {
	for _, m := range modules {
		if !fileExists(m.tree()) {
			continue
		}
		c, err := m.look()
		if err != nil {
			return err
		}
		if c.work(m) == "" {
			continue
		}
		if err := m.setAside(c); err != nil {
			return err
		}
	}
	return l.layAll(modules)
}

// setAside makes a branch of the tree's work, and the tree one without work.
func (m *module) setAside(c condition) error {
	r, branch := repository(m.tree()), "recovered/"+time.Now().UTC().Format("20060102T150405.000")
	for _, step := range [][]string{
		{"add", "-A"}, {"commit", "-q", "--allow-empty", "-m", "work that was not committed"}, {"branch", branch},
	} {
		if _, err := r.gitWith(baseAuthor[:2], "", step...); err != nil {
			return err
		}
	}
	if c.busy { // HEAD is on the way; the branch is what the rebase began with
		if _, err := r.git("branch", branch+".before", "series"); err != nil {
			return err
		}
	}
	for _, left := range []string{"rebase-apply", "rebase-merge"} {
		if err := os.RemoveAll(filepath.Join(m.tree(), ".git", left)); err != nil {
			return err
		}
	}
	m.say("%s: what %s held is on its branch %s", m.name, m.shown(m.tree()), branch)
	c.Pending = c.Laid
	c.Inputs = "" // laid again by who calls
	c.Base = c.LaidBase
	_, err := m.reset(c.stamp)
	return err
}

// clean removes trees, unless they hold work and force is not given.
func (l *line) clean(modules []*module, force bool) error {
	for _, m := range modules {
		if !fileExists(m.tree()) {
			continue
		}
		if !force {
			c, err := m.look()
			if err != nil {
				return err
			}
			if work := c.work(m); work != "" {
				m.say("%s: %s stays, it holds your %s; `make clean-%s` removes it", m.name, m.shown(m.tree()), work, m.name)
				continue
			}
		}
		if err := os.RemoveAll(m.tree()); err != nil {
			return err
		}
	}
	return nil
}
