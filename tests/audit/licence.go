package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences, by SPDX identifier, under which a module may be
// linked into what we ship. One that is not here needs somebody to read it.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// covered is how much of a licence file must be of known licences, in percent:
// the rest are names and years.
const covered = 75

var (
	licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)([.-].*)?$`)
	// go-digest's documents are under a licence of their own; they are not linked.
	documents = regexp.MustCompile(`(?i)\.docs$`)
)

// licences gives the identifiers of a module's licences: of the files at its
// root, and of those beside the packages that are linked and above these.
func licences(m module) ([]string, error) {
	dirs := map[string]bool{m.Dir: true}
	for _, dir := range m.Packages {
		for ; strings.HasPrefix(dir, m.Dir+"/"); dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	var found []string
	var problems []error
	for dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() || !licenceFile.MatchString(entry.Name()) || documents.MatchString(entry.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				return nil, err
			}
			ids, err := classify(text)
			if err != nil {
				rel, _ := filepath.Rel(m.Dir, filepath.Join(dir, entry.Name()))
				problems = append(problems, fmt.Errorf("module %s %s: %s: %w", m.Path, m.Version, rel, err))
			}
			found = append(found, ids...)
		}
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
		return nil, problems[0]
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("module %s %s has no licence file", m.Path, m.Version)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// classify names the licences that a text grants.
func classify(text []byte) ([]string, error) {
	coverage := licensecheck.Scan(text)
	if coverage.Percent < covered {
		return nil, fmt.Errorf("not a known licence: %.0f %% of it are", coverage.Percent)
	}
	var ids []string
	for _, match := range coverage.Match {
		if match.IsURL {
			continue
		}
		if !slices.Contains(allowed, match.ID) {
			return nil, fmt.Errorf("licence %s is not one of those allowed: %s", match.ID, strings.Join(allowed, ", "))
		}
		ids = append(ids, match.ID)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("it names a licence and does not hold it")
	}
	return ids, nil
}
