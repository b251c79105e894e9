package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func list(modules ...module) map[string]module {
	out := map[string]module{}
	for _, m := range modules {
		out[m.Path] = m
	}
	return out
}

func TestFindAdded(t *testing.T) {
	stock := list(module{Path: "same", Version: "v1.0.0"}, module{Path: "newer", Version: "v1.1.0"}, module{Path: "dropped", Version: "v1.0.0"})
	ours := map[string]map[string]module{
		"view":   list(module{Path: "same", Version: "v1.0.0"}, module{Path: "alone", Version: "v0.1.0"}),
		"layers": list(module{Path: "alone", Version: "v0.1.0"}),
	}
	patched := map[string]map[string]module{
		"podman": list(module{Path: "same", Version: "v1.0.0"}, module{Path: "newer", Version: "v1.2.0"}, module{Path: "extra", Version: "v2.0.0+incompatible"}),
	}
	got, err := findAdded(ours, patched, stock)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range got {
		lines = append(lines, strings.Join([]string{m.Path, m.Version, strings.Join(m.in, "+"), m.stock}, " "))
	}
	want := []string{"alone v0.1.0 layers+view ", "extra v2.0.0+incompatible podman ", "newer v1.2.0 podman v1.1.0", "same v1.0.0 view v1.0.0"}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("added %q, want %q", lines, want)
	}
	for _, version := range []string{"v1.0.9", "v1.1.0-0.20220617142545-8b9452f75cbc", "other@v1.2.0"} {
		patched["podman"] = list(module{Path: "newer", Version: version})
		if _, err := findAdded(ours, patched, stock); err == nil || !strings.Contains(err.Error(), "podman: module newer") {
			t.Errorf("%s in place of v1.1.0: error %v", version, err)
		}
	}
}

const (
	mit = `MIT License

Copyright (c) 2024 The Authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`
	gpl = `This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.
`
)

func TestLicences(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string // or part of the error, after "!"
	}{
		{"at the root", map[string]string{"LICENSE": mit}, "MIT"},
		{"spelt otherwise", map[string]string{"licence.txt": mit}, "MIT"},
		{"beside a linked package", map[string]string{"LICENSE": mit, "linked/COPYING": gpl}, "!linked/COPYING: licence GPL"},
		{"above a linked package", map[string]string{"LICENSE": mit, "linked/below/x.go": "", "linked/LICENSE": "Do as you are told."}, "!linked/LICENSE: not a known licence"},
		{"beside another package", map[string]string{"LICENSE": mit, "other/COPYING": gpl}, "MIT"},
		{"of documents", map[string]string{"LICENSE": mit, "LICENSE.docs": gpl}, "MIT"},
		{"none", map[string]string{"README": mit}, "!no licence file"},
		{"unknown", map[string]string{"LICENSE": "All rights reserved.\n"}, "!not a known licence"},
		{"mostly unknown", map[string]string{"LICENSE": mit + strings.Repeat("And one more thing that nobody has read so far. ", 50)}, "!not a known licence"},
		{"a mere name", map[string]string{"LICENSE": "https://www.apache.org/licenses/LICENSE-2.0\n"}, "!not hold it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := module{Path: "example.org/m", Version: "v1.0.0", Dir: t.TempDir()}
			m.Packages = []string{m.Dir, filepath.Join(m.Dir, "linked/below")}
			if err := os.MkdirAll(m.Packages[1], 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range tc.files {
				path := filepath.Join(m.Dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := licences(m)
			if part, fails := strings.CutPrefix(tc.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("licences %q, error %v, want one with %q", got, err, part)
				}
			} else if err != nil || strings.Join(got, " ") != tc.want {
				t.Errorf("licences %q, error %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestCheckDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + tableBegin + "\n" + tableEnd + "\nafter\n")
	if err := checkDocument(path, "| a |\n| b |\n", true); err != nil {
		t.Fatal(err)
	}
	if err := checkDocument(path, "| a |\n| b |\n", false); err != nil {
		t.Errorf("as written: %v", err)
	}
	err := checkDocument(path, "| a |\n| c |\n", false)
	if err == nil || !strings.Contains(err.Error(), "out of date") || !strings.HasSuffix(err.Error(), "\n-| b |\n+| c |") {
		t.Errorf("another table: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), "before\n") || !strings.HasSuffix(string(text), "\nafter\n") {
		t.Errorf("document %q, %v", text, err)
	}
	write("no table\n")
	if err := checkDocument(path, "", true); err == nil {
		t.Error("a document without a table was taken")
	}
}

// reported is what govulncheck writes, cut short.
const reported = `{"config":{"protocol_version":"v1.0.0"}}
{"progress":{"message":"…"}}
{"osv":{"id":"GO-1"}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.0","trace":[{"module":"a.org/a","version":"v1.1.0"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.0","trace":[{"module":"a.org/a","version":"v1.1.0","package":"a.org/a/p"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.0","trace":[{"module":"a.org/a","version":"v1.1.0","package":"a.org/a/p","function":"F"},{"module":"our.org/x","function":"main"}]}}
{"finding":{"osv":"GO-2","trace":[{"module":"a.org/b","version":"v1.0.0","package":"a.org/b"}]}}
{"finding":{"osv":"GO-3","fixed_version":"v1.26.9","trace":[{"module":"stdlib","version":"v1.26.8","package":"net/http","function":"Get"}]}}
`

func TestFindings(t *testing.T) {
	found, err := findings(strings.NewReader(reported))
	if err != nil {
		t.Fatal(err)
	}
	want := []finding{
		{"GO-1", "a.org/a", "v1.1.0", "v1.2.0", true}, {"GO-2", "a.org/b", "v1.0.0", "", false}, {"GO-3", "stdlib", "v1.26.8", "v1.26.9", true},
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("found %+v, want %+v", found, want)
	}
	for name, text := range map[string]string{
		"no entries": `{"config":{}}`, "nothing": "", "cut off": reported[:len(reported)-5], "a finding nowhere": `{"osv":{"id":"GO-1"}}{"finding":{"osv":"GO-1"}}`,
	} {
		if found, err := findings(strings.NewReader(text)); err == nil {
			t.Errorf("%s: found %+v", name, found)
		}
	}

	for _, tc := range []struct {
		stock map[string]module
		ours  int
		says  string
	}{
		{nil, 1, "tool: a.org/a v1.1.0, ours to mend: GO-1 (mended in v1.2.0)\n"},
		{list(module{Path: "a.org/a", Version: "v1.0.0"}), 1, "tool: a.org/a v1.1.0, ours to mend: GO-1 (mended in v1.2.0)\n"},
		{list(module{Path: "a.org/a", Version: "v1.1.0"}), 0, "tool: a.org/a v1.1.0, stock podman's too: GO-1 (mended in v1.2.0)\n"},
	} {
		var out bytes.Buffer
		if n := printFindings(&out, "tool", found, tc.stock); n != tc.ours {
			t.Errorf("%d are ours, want %d", n, tc.ours)
		}
		for _, want := range []string{tc.says, "tool: stdlib v1.26.8, the Go toolchain's: GO-3 (mended in v1.26.9)\n", "tool: 2 vulnerabilities that it can reach, "} {
			if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "GO-2") {
				t.Errorf("output %q, want %q", out.String(), want)
			}
		}
	}
}
