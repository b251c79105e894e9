package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
)

// cve is a row of docs/cves.md: what became of a vulnerability, by line.
type cve struct {
	id     string
	states map[string]string
}

var (
	cveID    = regexp.MustCompile(`CVE-\d{4}-\d{4,}`)
	cveLines = []string{"v4", "v5"}
	claim    = regexp.MustCompile(`^(fixed: (\S+) (v\S+)|patch|not affected|not reachable|open)$`)
)

// cveModules is where a line's go.mod is, and the module path of each name.
var cveModules = map[string]struct {
	pins  string
	paths map[string]string
}{
	"v4": {".", map[string]string{
		"storage": "github.com/containers/storage", "image": "github.com/containers/image/v5", "common": "github.com/containers/common",
		"podman": "github.com/containers/podman/v4", "buildah": "github.com/containers/buildah", "runc": "github.com/opencontainers/runc",
	}},
	"v5": {"podman-patches/v5", map[string]string{
		"storage": "go.podman.io/storage", "image": "go.podman.io/image/v5", "common": "go.podman.io/common",
		"podman": "github.com/containers/podman/v5", "buildah": "github.com/containers/buildah", "runc": "github.com/opencontainers/runc",
	}},
}

// readCVEs reads the table of a page.
func readCVEs(page []byte) ([]cve, error) {
	_, table, found := strings.Cut(string(page), "<!-- cves -->\n")
	if !found {
		return nil, fmt.Errorf("no table of vulnerabilities")
	}
	out := []cve{}
	for scanner := bufio.NewScanner(strings.NewReader(table)); scanner.Scan(); {
		cells := strings.Split(strings.Trim(scanner.Text(), "| "), " | ")
		if len(cells) < 4 || !strings.HasPrefix(cells[0], "CVE-") {
			continue
		}
		if cveID.FindString(cells[0]) != cells[0] || strings.TrimSpace(cells[3]) == "" {
			return nil, fmt.Errorf("row %q: no identifier, or no word of what it is", scanner.Text())
		}
		row := cve{id: cells[0], states: map[string]string{"v4": cells[1], "v5": cells[2]}}
		if len(out) > 0 && out[len(out)-1].id == row.id {
			return nil, fmt.Errorf("%s is there twice", row.id)
		}
		out = append(out, row)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the table of vulnerabilities is empty")
	}
	return out, nil
}

// checkCVEs holds the rows against what a line has: versions by the names of
// modules, and the vulnerabilities that its patches fix.
func checkCVEs(rows []cve, line string, versions map[string]string, patched []string) (problems []string) {
	bad := func(format string, arguments ...any) {
		problems = append(problems, line+": "+fmt.Sprintf(format, arguments...))
	}
	claimed := map[string]bool{}
	for _, row := range rows {
		state := claim.FindStringSubmatch(row.states[line])
		switch {
		case state == nil:
			bad("%s: %q is no state", row.id, row.states[line])
		case state[1] == "patch":
			claimed[row.id] = true
			if !slices.Contains(patched, row.id) {
				bad("%s: no patch with Reason: security names it", row.id)
			}
		case state[2] != "":
			have, err := semver.ParseTolerant(versions[state[2]])
			want, err2 := semver.ParseTolerant(state[3])
			if err != nil || err2 != nil || have.LT(want) {
				bad("%s: fixed in %s %s, but the line has %q", row.id, state[2], state[3], versions[state[2]])
			}
		}
	}
	for _, id := range patched {
		if !claimed[id] {
			bad("%s: a patch fixes it, and its row does not say so", id)
		}
	}
	return problems
}

// patchedCVEs is what the patches of a line with Reason: security name.
func patchedCVEs(root, line string) ([]string, error) {
	out := []string{}
	for _, pattern := range []string{"storage", "podman-patches/*"} {
		files, err := filepath.Glob(filepath.Join(root, pattern, line, "*.patch"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			message, _, _ := bytes.Cut(data, []byte("\ndiff --git "))
			if !bytes.Contains(message, []byte("\nReason: security\n")) {
				continue
			}
			ids := cveID.FindAllString(string(message), -1)
			if len(ids) == 0 {
				return nil, fmt.Errorf("%s: Reason: security, and it names no vulnerability", file)
			}
			out = append(out, ids...)
		}
	}
	return out, nil
}

// pinned is the versions that a line is built with, by the names of modules.
func pinned(root, line string) (map[string]string, error) {
	out := map[string]string{}
	for name, path := range cveModules[line].paths {
		list := exec.Command("go", "list", "-mod=readonly", "-m", "-f", "{{.Version}}", path)
		list.Dir = filepath.Join(root, cveModules[line].pins)
		list.Env = append(os.Environ(), "GOWORK=off")
		version, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("the version of %s in %s: %w", path, line, err)
		}
		out[name] = strings.TrimSpace(string(version))
	}
	return out, nil
}
