package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bump moves a module's series onto another version: its go.mod is changed, and
// the commits of its tree are rebased. Conflicts are settled in the tree.
func (l *line) bump(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: series bump MODULE VERSION")
	}
	modules, err := l.selected(arguments[:1])
	if err != nil {
		return err
	}
	m, version := modules[0], arguments[1]
	if err := l.layAll(modules); err != nil { // the old version
		return err
	}
	c, err := m.look()
	if err != nil {
		return err
	}
	if work := c.work(m); work != "" {
		return fmt.Errorf("%s: %s holds your %s: export or recover it first", m.name, m.shown(m.tree()), work)
	}
	if m.version == version {
		m.say("%s: %s is %s already", m.name, m.shown(m.tree()), version)
		return nil
	}
	for _, arguments := range [][]string{{"get", m.path + "@" + version}, {"mod", "tidy"}} {
		if out, err := goCommand(l.pins, "off", arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: go %s: %w: %s", m.name, arguments[0], err, strings.TrimSpace(string(out)))
		}
	}
	if err := l.load(); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(l.build(), ".tmp.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	base := filepath.Join(tmp, m.name)
	if err := m.layBase(base); err != nil {
		return err
	}
	r := repository(m.tree())
	if _, err := r.git("fetch", "-q", "--no-tags", base, "series"); err != nil {
		return err
	}
	old := c.Base
	if c.Base, err = r.git("rev-parse", "FETCH_HEAD"); err != nil {
		return err
	}
	if c.Inputs, err = m.inputs(); err != nil {
		return err
	}
	if err := m.writeStamp(m.tree(), c.stamp); err != nil {
		return err
	}
	if _, err := r.git("rebase", "-q", "--onto", c.Base, old, "series"); err != nil {
		return fmt.Errorf("%s: settle this in %s (git add, git rebase --continue), then `make patch-export LINE=%s`; "+
			"to give up: git rebase --abort there, git checkout of go.mod and go.sum here, `make recover`\n%w",
			m.name, m.shown(m.tree()), l.name, err)
	}
	m.say("%s: rebased onto %s; `make build LINE=%s`, test, `make patch-export LINE=%s`", m.name, version, l.name, l.name)
	return nil
}
