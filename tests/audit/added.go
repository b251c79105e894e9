package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/blang/semver/v4"
)

// added is a module that we answer for: one of our own commands links it, or
// patched podman does and stock podman does not, at that version.
type added struct {
	module
	in    []string // programs
	stock string   // the version that stock podman links, "" if none
}

// findAdded compares what programs link with what stock podman does. That
// patched podman links an older version than stock is an error: it would bring
// back what upstream has mended.
func findAdded(ours, patched map[string]map[string]module, stock map[string]module) ([]added, error) {
	byPath := map[string]*added{}
	add := func(program string, m module) {
		a := byPath[m.Path]
		if a == nil {
			a = &added{module: module{Path: m.Path, Version: m.Version, Dir: m.Dir}, stock: stock[m.Path].Version}
			byPath[m.Path] = a
		}
		a.in = append(a.in, program)
		a.Packages = append(a.Packages, m.Packages...)
	}
	for program, modules := range ours {
		for _, m := range modules {
			add(program, m)
		}
	}
	for program, modules := range patched {
		for _, m := range modules {
			old, known := stock[m.Path]
			if known && old.Version == m.Version {
				continue
			}
			if known {
				if err := notOlder(m, old); err != nil {
					return nil, fmt.Errorf("%s: %w", program, err)
				}
			}
			add(program, m)
		}
	}
	out := []added{}
	for _, a := range byPath {
		slices.Sort(a.in)
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b added) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

func notOlder(m, stock module) error {
	have, err := semver.ParseTolerant(m.Version)
	if err != nil {
		return fmt.Errorf("module %s: version %q: %w", m.Path, m.Version, err)
	}
	want, err := semver.ParseTolerant(stock.Version)
	if err != nil {
		return fmt.Errorf("module %s: version %q: %w", m.Path, stock.Version, err)
	}
	if have.LT(want) {
		return fmt.Errorf("module %s is linked at %s, which is older than stock podman's %s", m.Path, m.Version, stock.Version)
	}
	return nil
}
