package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// finding is a vulnerability in what a program links.
type finding struct {
	ID, Module, Version, Fixed string
	// Called says that the program can reach the code that is vulnerable.
	Called bool
}

// findings reads what `govulncheck -format json` writes: a message for each entry
// of the database that is of a module in question, and one for each level at
// which it finds something, of which the highest counts. A database that has no
// entry at all, not even of the standard library, is none.
func findings(r io.Reader) ([]finding, error) {
	byKey := map[string]*finding{}
	order, entries := []string{}, 0
	decoder := json.NewDecoder(r)
	for {
		var message struct {
			OSV     *struct{ ID string } `json:"osv"`
			Finding *struct {
				OSV   string `json:"osv"`
				Fixed string `json:"fixed_version"`
				Trace []struct{ Module, Version, Function string }
			}
		}
		err := decoder.Decode(&message)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("what govulncheck found: %w", err)
		}
		if message.OSV != nil {
			entries++
		}
		f := message.Finding
		if f == nil {
			continue
		}
		if len(f.Trace) == 0 {
			return nil, fmt.Errorf("what govulncheck found: %s is nowhere", f.OSV)
		}
		at := f.Trace[0]
		key := f.OSV + " " + at.Module
		if byKey[key] == nil {
			byKey[key] = &finding{ID: f.OSV, Module: at.Module, Version: at.Version, Fixed: f.Fixed}
			order = append(order, key)
		}
		byKey[key].Called = byKey[key].Called || at.Function != ""
	}
	if entries == 0 {
		return nil, errors.New("the database has no entries")
	}
	out := []finding{}
	for _, key := range order {
		out = append(out, *byKey[key])
	}
	return out, nil
}

// Whose a finding is.
const (
	toolchain = "the Go toolchain's"
	stocks    = "stock podman's too"
	own       = "ours to mend"
)

// whose says who has to do something about a finding.
func whose(f finding, stock map[string]module) string {
	switch {
	case f.Module == "stdlib" || f.Module == "toolchain":
		return toolchain
	case stock[f.Module].Version == f.Version && f.Version != "":
		return stocks
	default:
		return own
	}
}

// scan runs govulncheck, a tool that is named with its version, on a program.
func scan(tool, db string, b build) ([]finding, error) {
	args := append([]string{"run", tool, "-format", "json", "-db", db, "-tags", b.tags}, b.packages...)
	out, err := goCommand(b, args...)
	if err != nil {
		return nil, fmt.Errorf("scanning %s: %w", b.name, err)
	}
	found, err := findings(bytes.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("scanning %s: %w", b.name, err)
	}
	return found, nil
}

// printFindings lists what a program can reach, a line for each module, and
// counts the rest. It gives the number of those that are ours.
func printFindings(w io.Writer, program string, found []finding, stock map[string]module) int {
	type group struct{ module, version, who string }
	reached := map[group][]string{}
	ours, called := 0, 0
	for _, f := range found {
		if !f.Called {
			continue
		}
		called++
		g := group{f.Module, f.Version, whose(f, stock)}
		if g.who == own {
			ours++
		}
		fixed := f.ID
		if f.Fixed != "" {
			fixed += " (mended in " + f.Fixed + ")"
		}
		reached[g] = append(reached[g], fixed)
	}
	var lines []string
	for g, ids := range reached {
		slices.Sort(ids)
		lines = append(lines, fmt.Sprintf("%s: %s %s, %s: %s\n", program, g.module, g.version, g.who, strings.Join(ids, ", ")))
	}
	slices.Sort(lines)
	fmt.Fprintf(w, "%s%s: %d vulnerabilities that it can reach, %d of them ours; %d in code that it does not call\n",
		strings.Join(lines, ""), program, called, ours, len(found)-called)
	return ours
}
