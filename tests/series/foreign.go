package main

import (
	"os"
	"path/filepath"
	"strings"
)

// foreign finds files of the repository that are an upstream module's. Compared
// by content, so a copy under another name shows too; a licence's text and an
// empty file are the same everywhere.
func (c *checker) foreign() error {
	upstream := map[string]bool{}
	for _, m := range c.line.modules {
		r := repository(filepath.Join(c.scratch, m.name))
		base, err := r.git("rev-list", "--max-parents=0", "HEAD")
		if err != nil {
			return err
		}
		out, err := r.git("ls-tree", "-r", "--format=%(objectname)", base)
		if err != nil {
			return err
		}
		for _, blob := range strings.Fields(out) {
			upstream[blob] = true
		}
	}
	r := repository(c.line.root)
	files, err := c.line.repositoryFiles()
	if err != nil {
		return err
	}
	out, err := r.gitWith(nil, strings.Join(files, "\n"), "hash-object", "--no-filters", "--stdin-paths")
	if err != nil {
		return err
	}
	const empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
	for i, blob := range strings.Fields(out) {
		if upstream[blob] && blob != empty && files[i] != "LICENSE" {
			c.problem("%s: the same as a file of an upstream module (blob %s); the repository holds none", files[i], blob)
		}
	}
	return nil
}

// repositoryFiles is what git tracks or would, or, where this is no checkout,
// all files but those that are built.
func (p *project) repositoryFiles() ([]string, error) {
	all, err := repository(p.root).names("ls-files", "-z", "-co", "--exclude-standard")
	if err != nil {
		err = filepath.WalkDir(p.root, func(path string, entry os.DirEntry, err error) error {
			rel := p.shown(path)
			if rel == "_build" || rel == "bin" {
				return filepath.SkipDir
			}
			if err == nil && entry.Type().IsRegular() {
				all = append(all, rel)
			}
			return err
		})
	}
	files := []string{}
	for _, file := range all { // a deleted file is listed until it is committed
		if info, err := os.Lstat(filepath.Join(p.root, file)); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	return files, err
}
