package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What docs/cves.md says is so.
func TestCVEs(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "cves.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readCVEs(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range cveLines {
		versions, err := pinned(root, line)
		if err != nil {
			t.Fatal(err)
		}
		patched, err := patchedCVEs(root, line)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range checkCVEs(rows, line, versions, patched) {
			t.Error(problem)
		}
	}
}

func TestCheckCVEs(t *testing.T) {
	const head = "before\n<!-- cves -->\n| vulnerability | v4 | v5 | what |\n| --- | --- | --- | --- |\n"
	for _, tc := range []struct{ name, state, want string }{
		{"fixed", "fixed: storage v1.2.3", ""},
		{"long fixed", "fixed: storage v1.2.0", ""},
		{"not fixed yet", "fixed: storage v1.10.0", "v4: CVE-2026-0001: fixed in storage v1.10.0, but the line has \"v1.2.3\""},
		{"of no module", "fixed: moby v1.0.0", "fixed in moby"},
		{"patched", "patch", "no patch with Reason: security"},
		{"no state", "mended", "is no state"},
		{"open", "open", ""},
		{"not reachable", "not reachable", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows, err := readCVEs([]byte(head + "| CVE-2026-0001 | " + tc.state + " | open | what it is |\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(checkCVEs(rows, "v4", map[string]string{"storage": "v1.2.3"}, nil), "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("problems %q, want %q", got, tc.want)
			}
		})
	}
	rows, err := readCVEs([]byte(head + "| CVE-2026-0001 | open | patch | what it is |\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := checkCVEs(rows, "v5", nil, []string{"CVE-2026-0001"}); len(got) != 0 {
		t.Errorf("a patch that is there: %q", got)
	}
	if got := checkCVEs(rows, "v4", nil, []string{"CVE-2026-0001"}); len(got) != 1 || !strings.Contains(got[0], "its row does not say so") {
		t.Errorf("a patch without its word: %q", got)
	}
	for _, page := range []string{
		"", "<!-- cves -->\n", head + "| CVE-2026-1 | open | open | x |\n",
		head + strings.Repeat("| CVE-2026-0001 | open | open | x |\n", 2),
	} {
		if rows, err := readCVEs([]byte(page)); err == nil {
			t.Errorf("%q gave %v", page, rows)
		}
	}
}
