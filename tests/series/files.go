package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// sourceOf finds where a file of ours lies, by its path in the module: with the
// files for this line alone, or else with those for all. It is an error if it is
// in both.
func (m *module) sourceOf(name string) (string, error) {
	found := ""
	for _, dir := range []string{m.ownSources(), m.commonSources()} {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%s and %s are the same file of the module: keep one", m.shown(found), m.shown(file))
		}
		found = file
	}
	if found == "" {
		return "", fmt.Errorf("%q: %w in %s and %s", name, fs.ErrNotExist, m.shown(m.commonSources()), m.shown(m.ownSources()))
	}
	return found, nil
}

func (m *module) has(name string) bool {
	_, err := m.sourceOf(name)
	return err == nil
}

// read returns a file of ours as the line's tree has it.
func (m *module) read(name string) ([]byte, error) {
	source, err := m.sourceOf(name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	if data, err = translate(name, data, m.newest(), m.line); err != nil {
		return nil, fmt.Errorf("%s: %w", m.shown(source), err)
	}
	return data, nil
}

// ours is the paths, in the module, of all of our files that this line has, sorted.
func (m *module) ours() ([]string, error) {
	names := []string{}
	for _, dir := range []string{m.commonSources(), m.ownSources()} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && path == dir {
				return nil
			}
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			names = append(names, name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	sort.Strings(names)
	return names, nil
}

// files writes our files of a module as its tree has them, without its own.
func (l *line) files(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: series files MODULE DIRECTORY")
	}
	modules, err := l.selected(arguments[:1])
	if err != nil {
		return err
	}
	names, err := modules[0].ours()
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := modules[0].read(name)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(arguments[1], name), data); err != nil {
			return err
		}
	}
	return nil
}
