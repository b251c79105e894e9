package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// export writes the trees' commits and files back as patches and sources, and
// lays the trees again from these.
func (l *line) export(modules []*module) error {
	for _, m := range modules {
		if !fileExists(m.tree()) {
			m.say("%s: no tree, nothing to export", m.name)
			continue
		}
		if err := m.exportOne(); err != nil {
			return err
		}
	}
	if l.name == l.lines[0].name {
		return l.spec(false)
	}
	return nil
}

func (m *module) exportOne() error {
	c, err := m.look()
	if err != nil {
		return err
	}
	r := repository(m.tree())
	if c.busy {
		return fmt.Errorf("%s: a rebase or am is under way in %s: finish or abort it first", m.name, m.shown(m.tree()))
	}
	if _, err := r.git("merge-base", "--is-ancestor", c.Base, "HEAD"); err != nil {
		return fmt.Errorf("%s: %s no longer stands on its base commit %s: rebase it there", m.name, m.shown(m.tree()), c.Base)
	}
	if err := m.onlyOurs(r, c); err != nil {
		return err
	}
	laid, err := m.stateOf(r, c.LaidBase, c.Laid, false)
	if err != nil {
		return err
	}
	tree, err := m.stateOf(r, c.Base, "HEAD", true)
	if err != nil {
		return err
	}
	disk, err := m.onDisk()
	if err != nil {
		return err
	}
	inputs, err := m.inputs()
	if err != nil {
		return err
	}
	before := disk
	if inputs == c.Inputs { // the tree was laid from these, whose text need not be what an export writes: a merge may have made it
		before = laid
	}
	merged, conflicts := merge(laid, tree, before)
	if len(conflicts) > 0 {
		return fmt.Errorf("%s: nothing was written; changed in %s and, in another way, on disk since: %s. "+
			"Set the tree's aside on a branch with `make recover`, or settle it file by file", m.name, m.shown(m.tree()), strings.Join(conflicts, ", "))
	}
	changed := merged.differences(disk)
	if err := m.write(merged, changed); err != nil {
		return err
	}
	for _, name := range changed {
		m.say("%s: wrote %s", m.name, filepath.Join(m.dir, name))
	}
	if inputs, err = m.inputs(); err != nil {
		return err
	}
	if inputs == c.Inputs && c.work(m) == "" {
		m.say("%s: nothing to export", m.name)
		return nil
	}
	return m.layAgain(inputs)
}

// onlyOurs fails if something in the tree is not committed that is not a file of
// ours already: which patch it belongs to is for a person to say.
func (m *module) onlyOurs(r repository, c condition) error {
	if len(c.dirty) == 0 {
		return nil
	}
	files, err := r.changed("A", c.Base, "HEAD")
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, name := range files {
		ours[name] = true
	}
	for _, line := range c.dirty {
		if name := line[3:]; !ours[name] {
			return fmt.Errorf("%s: commit %s in %s to the patch that it belongs to, or remove it: git commit --fixup, then rebase -i --autosquash base",
				m.name, name, m.shown(m.tree()))
		}
	}
	return nil
}

// merge takes each file from the side that changed it since the tree was laid,
// and names those that both changed, in different ways. The patches are one
// such thing: each depends on those before it.
func merge(laid, tree, disk state) (merged state, conflicts []string) {
	merged = state{}
	take := func(what string, laid, tree, disk state) {
		from := disk
		switch {
		case tree.same(laid):
		case disk.same(laid), disk.same(tree):
			from = tree
		default:
			conflicts = append(conflicts, what)
		}
		for name, data := range from {
			merged[name] = data
		}
	}
	take("the patches", laid.patches(), tree.patches(), disk.patches())
	all := state{}
	for _, each := range []state{laid, tree, disk} {
		for name := range each {
			all[name] = nil
		}
	}
	for _, name := range all.names(isSource) {
		take(name, laid.one(name), tree.one(name), disk.one(name))
	}
	return merged, conflicts
}

// write makes what changed on disk as it is in s.
func (m *module) write(s state, changed []string) error {
	for _, name := range changed {
		file := filepath.Join(m.root, m.dir, name)
		data, there := s[name]
		if !there {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			continue
		}
		if err := writeFile(file+".new", data); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
	}
	return nil
}
