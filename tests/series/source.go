package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"
)

// The identity and date of a base commit, so that it is the same on every machine.
var baseAuthor = []string{
	"GIT_AUTHOR_NAME=upstream", "GIT_AUTHOR_EMAIL=upstream@localhost",
	"GIT_AUTHOR_DATE=1704067200 +0000", "GIT_COMMITTER_DATE=1704067200 +0000",
}

// layBase makes dir a git repository with one commit, the module's files.
func (m *module) layBase(dir string) error {
	if err := m.unpack(dir); err != nil {
		return err
	}
	r := repository(dir)
	for _, arguments := range [][]string{
		{"init", "-q", "--template=", "-b", "series"},
		{"config", "core.autocrlf", "false"},
		{"config", "gc.auto", "0"},
		{"add", "-A", "-f", "."},
	} {
		if _, err := r.git(arguments...); err != nil {
			return err
		}
	}
	_, err := r.gitWith(baseAuthor, "", "commit", "-q", "-m", m.path+" "+m.version)
	return err
}

// unpack writes the module's files into a new directory, from the zip in the
// module cache, which go.sum must name.
func (m *module) unpack(dir string) error {
	out, err := goCommand(m.pins, "off", "mod", "download", "-json", m.path+"@"+m.version).Output()
	var found struct{ Zip, Error string }
	if json.Unmarshal(out, &found) != nil || err != nil || found.Error != "" {
		return fmt.Errorf("%s: downloading %s %s: %w %s", m.name, m.path, m.version, withStderr(err), found.Error)
	}
	if err := m.verify(found.Zip); err != nil {
		return err
	}
	archive, err := zip.OpenReader(found.Zip)
	if err != nil {
		return err
	}
	defer archive.Close()
	prefix := m.path + "@" + m.version + "/"
	for _, file := range archive.File {
		name := strings.TrimPrefix(file.Name, prefix)
		// A module's vendor/ holds only modules.txt, yet makes go choose -mod=vendor.
		if strings.HasPrefix(name, "vendor/") || !filepath.IsLocal(name) {
			continue
		}
		if err := extract(file, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: unpacking %q: %w", m.name, file.Name, err)
		}
	}
	return nil
}

func extract(file *zip.File, target string) error {
	in, err := file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return writeFile(target, data)
}

// verify compares a module's zip with go.sum.
func (m *module) verify(file string) error {
	sums, err := os.ReadFile(filepath.Join(m.pins, "go.sum"))
	if err != nil {
		return err
	}
	want := ""
	for _, line := range strings.Split(string(sums), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == m.path && f[1] == m.version {
			want = f[2]
		}
	}
	if want == "" {
		return fmt.Errorf("%s: go.sum has no hash of %s %s", m.name, m.path, m.version)
	}
	got, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s: %s is not what go.sum names: `go clean -modcache`, then try again", m.name, file)
	}
	return nil
}

// writeFile writes data, with the directories above.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
