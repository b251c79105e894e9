package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// errApply is that a patch does not apply to what is before it.
var errApply = errors.New("does not apply")

// layAt lays the module's tree in a new directory. After each patch it calls
// each, if that is not nil, with the tree as it is then.
func (m *module) layAt(dir string, each func(*patch) error) error {
	if err := m.layBase(dir); err != nil {
		return err
	}
	patches, err := m.patches()
	if err != nil {
		return err
	}
	for _, p := range patches {
		if err := p.apply(dir); err != nil {
			return err
		}
		if each == nil {
			continue
		}
		if err := each(p); err != nil {
			return err
		}
	}
	return nil
}

// apply makes a commit of the patch's hooks and the files that come with it.
func (p *patch) apply(dir string) error {
	r := repository(dir)
	if _, err := r.git("am", "-q", "--empty=keep", "--committer-date-is-author-date", filepath.Join(p.module.patchDir(), p.file)); err != nil {
		return fmt.Errorf("%s: %w to %s %s after the patches before it: %w", p.label(), errApply, p.module.path, p.module.version, err)
	}
	names := p.adds()
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		data, err := p.module.read(name)
		if err != nil {
			return fmt.Errorf("%s: Adds: %w", p.label(), err)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s: Adds: upstream, or an earlier patch, has %s", p.label(), name)
		}
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	if _, err := r.git(append([]string{"add", "-f", "--"}, names...)...); err != nil {
		return err
	}
	date, err := r.authored("HEAD")
	if err != nil {
		return err
	}
	_, err = r.gitWith(date[3:], "", "commit", "-q", "--amend", "--no-edit")
	return err
}

// state is a module's patches and files of ours, by their names on disk below
// the module's directory, such as "v4/0001-overlay-do.patch" and "src/a.go".
type state map[string][]byte

// onDisk is the module's state as it is in the repository.
func (m *module) onDisk() (state, error) {
	s := state{}
	patches, err := m.patches()
	if err != nil {
		return nil, err
	}
	for _, p := range patches {
		s[filepath.Join(m.line.name, p.file)] = p.data
	}
	names, err := m.ours()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		source, err := m.sourceOf(name)
		if err != nil {
			return nil, err
		}
		if s[m.inDir(source)], err = os.ReadFile(source); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// inDir is a path below the module's directory.
func (m *module) inDir(path string) string {
	rel, err := filepath.Rel(filepath.Join(m.root, m.dir), path)
	if err != nil {
		panic(err) // both are absolute
	}
	return rel
}

// hash is one over names and contents.
func (s state) hash() string {
	h := sha256.New()
	for _, name := range s.names(func(string) bool { return true }) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(s[name]), s[name])
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (s state) names(wanted func(string) bool) []string {
	names := []string{}
	for name := range s {
		if wanted(name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// isSource says whether a name in a state is that of a file of ours.
func isSource(name string) bool { return strings.HasPrefix(name, "src") }

// patches is the part of a state that is not files of ours.
func (s state) patches() state {
	out := state{}
	for name, data := range s {
		if !isSource(name) {
			out[name] = data
		}
	}
	return out
}

// one is the part of a state with this name.
func (s state) one(name string) state {
	if data, ok := s[name]; ok {
		return state{name: data}
	}
	return state{}
}

func (s state) same(other state) bool { return s.hash() == other.hash() }

// stateOf is what the commits of a tree after base would be on disk. Files of
// ours are taken from the work tree where that is asked for, else from tip.
func (m *module) stateOf(r repository, base, tip string, workTree bool) (state, error) {
	s := state{}
	names, err := r.changed("A", base, tip)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var data []byte
		if workTree {
			data, err = os.ReadFile(filepath.Join(string(r), name))
			if errors.Is(err, os.ErrNotExist) {
				continue // removed
			}
		} else {
			data, err = r.raw(nil, "", "cat-file", "blob", tip+":"+name)
		}
		if err != nil {
			return nil, err
		}
		if data, err = translate(name, data, m.line, m.newest()); err != nil {
			return nil, fmt.Errorf("%s: %w", m.shown(filepath.Join(string(r), name)), err)
		}
		source := filepath.Join(m.commonSources(), name)
		if own := filepath.Join(m.ownSources(), name); fileExists(own) {
			source = own
		}
		s[m.inDir(source)] = data
	}
	return s, m.writePatches(r, base, tip, s)
}

func fileExists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// writePatches puts the commits after base into s, each without the files of
// ours, which its Adds lines name.
func (m *module) writePatches(r repository, base, tip string, s state) error {
	commits, err := r.commits(base, tip)
	if err != nil {
		return err
	}
	out, err := os.MkdirTemp("", "series")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(out, "index")}
	ours, err := r.changed("A", base, tip)
	if err != nil {
		return err
	}
	lasting := map[string]bool{}
	for _, name := range ours {
		lasting[name] = true
	}
	parent := base
	for _, commit := range commits {
		var adds []string
		all, err := r.changed("A", base, commit)
		if err != nil {
			return err
		}
		new, err := r.changed("A", commit+"^", commit)
		if err != nil {
			return err
		}
		for _, name := range new {
			if lasting[name] {
				adds = append(adds, name)
			}
		}
		if _, err = r.gitWith(index, "", "read-tree", commit); err != nil {
			return err
		}
		remove := append([]string{"update-index", "--force-remove", "--"}, all...)
		if _, err = r.gitWith(index, "", remove...); err != nil {
			return err
		}
		tree, err := r.gitWith(index, "", "write-tree")
		if err != nil {
			return err
		}
		author, err := r.authored(commit)
		if err != nil {
			return err
		}
		message, err := r.git("log", "-1", "--format=%B", commit)
		if err != nil {
			return err
		}
		if parent, err = r.gitWith(author, withAdds(message, adds), "commit-tree", tree, "-p", parent, "-F", "-"); err != nil {
			return err
		}
	}
	if _, err := r.git("format-patch", "-q", "--always", "--zero-commit", "--no-signature", "--no-numbered", "--full-index",
		"--no-stat", "-o", out, base+".."+parent); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(out, "*.patch"))
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		s[filepath.Join(m.line.name, filepath.Base(file))] = data
	}
	return nil
}

// differences is the names of what is not the same in two states, sorted.
func (s state) differences(other state) []string {
	all := state{}
	for _, each := range []state{s, other} {
		for name := range each {
			all[name] = nil
		}
	}
	return all.names(func(name string) bool {
		a, inA := s[name]
		b, inB := other[name]
		return inA != inB || !bytes.Equal(a, b)
	})
}
