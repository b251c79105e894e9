package main

import (
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// carrier takes the packages of layers/cvmfs that the series use into storage,
// as pkg/cvmfs and cmd/, one commit each. A package is given as its path below
// layers/cvmfs.
type carrier struct {
	line     *line
	scratch  string
	ours     string   // import path of layers/cvmfs here
	theirs   string   // and in storage
	commands string   // import path of storage's commands
	packages []string // each after those that it needs
}

func newCarrier(l *line, scratch string) (*carrier, error) {
	storage := l.modules[0].path
	c := &carrier{line: l, scratch: scratch, theirs: storage + "/pkg/cvmfs", commands: storage + "/cmd"}
	out, err := goCommand(l.root, "off", "list", "-m").Output()
	if err != nil {
		return nil, fmt.Errorf("reading our module's path: %w", withStderr(err))
	}
	c.ours = strings.TrimSpace(string(out)) + "/layers/cvmfs"
	c.packages, err = c.order()
	return c, err
}

// list is what `go list` says of our packages, a line each.
func (c *carrier) list(arguments ...string) ([]string, error) {
	out, err := goCommand(c.line.root, "off", append([]string{"list"}, arguments...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", withStderr(err))
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// order finds the packages that the series import, their tests' among them, each
// after those that it needs.
func (c *carrier) order() ([]string, error) {
	used := []string{c.ours + "/cmd/cvmfs-view"} // podman starts it
	for _, m := range c.line.modules {
		patches, err := m.sent()
		if err != nil {
			return nil, err
		}
		text := ""
		for _, p := range patches {
			for _, line := range strings.Split(string(p.data), "\n") {
				if strings.HasPrefix(line, "+") {
					text += line + "\n"
				}
			}
			for _, name := range p.adds() {
				data, err := m.read(name)
				if err != nil {
					return nil, err
				}
				text += string(data)
			}
		}
		for _, part := range strings.Split(text, `"`) { // import paths are quoted
			if part == c.ours || strings.HasPrefix(part, c.ours+"/") {
				used = append(used, part)
			}
		}
	}
	for {
		all, err := c.list(append([]string{"-deps", "-test", "-f", "{{.ImportPath}}"}, used...)...)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(p string) bool {
			return !(p == c.ours || strings.HasPrefix(p, c.ours+"/")) || strings.ContainsAny(p, " [") || strings.HasSuffix(p, ".test") || strings.HasSuffix(p, "_test")
		})
		slices.Sort(all)
		all = slices.Compact(all)
		if slices.Equal(all, used) {
			break
		}
		used = all
	}
	return c.sorted(used)
}

// sorted puts packages after those that they and their tests import.
func (c *carrier) sorted(packages []string) ([]string, error) {
	lines, err := c.list(append([]string{"-f", `{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`}, packages...)...)
	if err != nil {
		return nil, err
	}
	needs := map[string][]string{c.ours + "/view": {c.ours + "/cmd/cvmfs-view"}} // whose tests build it
	for _, line := range lines {
		f := strings.Fields(line)
		needs[f[0]] = append(needs[f[0]], f[1:]...)
	}
	order, visited := []string{}, map[string]bool{}
	var visit func(string)
	visit = func(p string) {
		if visited[p] || !slices.Contains(packages, p) {
			return
		}
		visited[p] = true
		for _, need := range needs[p] {
			visit(need)
		}
		order = append(order, strings.TrimPrefix(strings.TrimPrefix(p, c.ours), "/"))
	}
	for _, p := range packages {
		visit(p)
	}
	return order, nil
}

// inStorage is a package's directory there.
func inStorage(p string) string {
	if strings.HasPrefix(p, "cmd/") {
		return p
	}
	return filepath.Join("pkg/cvmfs", p)
}

// rename gives files in dir the names that our packages have in storage.
func (c *carrier) rename(dir string, files []string) error {
	for _, name := range files {
		file := filepath.Join(dir, name)
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), c.ours+"/cmd/", c.commands+"/")
		if text = strings.ReplaceAll(text, c.ours, c.theirs); text == string(data) {
			continue
		}
		data = []byte(text)
		if strings.HasSuffix(name, ".go") { // names are sorted where they are imported
			if data, err = format.Source(data); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := os.WriteFile(file, data, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// notCarried is tests that hold a package against other files of this
// repository, and what only a build from a series has.
var notCarried = []string{"series.go", "config/manual_test.go"}

// carry makes one commit of a package.
func (c *carrier) carry(r repository, p string) error {
	from, to := filepath.Join("layers/cvmfs", p), inStorage(p)
	us := repository(c.line.root)
	files, err := us.names("ls-files", "-z", "--", from+"/*")
	if err != nil {
		return err
	}
	carried := []string{}
	for _, file := range files {
		name := strings.TrimPrefix(file, from+"/")
		if strings.Contains(name, "/") && !strings.HasPrefix(name, "testdata/") || slices.Contains(notCarried, filepath.Join(p, name)) {
			continue // another package
		}
		data, err := os.ReadFile(filepath.Join(c.line.root, file))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(string(r), to, name), data); err != nil {
			return err
		}
		carried = append(carried, filepath.Join(to, name))
	}
	if err := c.rename(string(r), carried); err != nil {
		return err
	}
	changed, err := c.need(r, p)
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	author, err := us.git("log", "-1", "--format=%an%n%ae%n%aI", "--", from)
	if err != nil {
		return err
	}
	who := strings.Split(author, "\n")
	subject, text, err := c.documentation(from)
	if err != nil {
		return err
	}
	message := fmt.Sprintf("%s: add %s\n\n%s", to, subject, text)
	if changed != "" {
		message += "\nIn go.mod, as this needs it:\n\n" + changed
	}
	return commitAll(r, []string{
		"GIT_AUTHOR_NAME=" + who[0], "GIT_AUTHOR_EMAIL=" + who[1],
		"GIT_AUTHOR_DATE=" + who[2], "GIT_COMMITTER_DATE=" + who[2],
	}, message)
}

// documentation is a package's comment, and what it is a comment of, such as
// "package view".
func (c *carrier) documentation(dir string) (subject, text string, err error) {
	packages, err := parser.ParseDir(token.NewFileSet(), filepath.Join(c.line.root, dir), nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return "", "", err
	}
	for name, p := range packages {
		for _, file := range p.Files {
			if file.Doc == nil || strings.HasSuffix(name, "_test") {
				continue
			}
			text = file.Doc.Text()
			f := strings.Fields(text)
			return strings.ToLower(f[0]) + " " + f[1], text, nil
		}
	}
	return "", "", fmt.Errorf("%s has no package comment", dir)
}

// need adds to storage's go.mod what it lacks for a package, or has in an older
// version than we use. It returns what a reader should know of, a line each.
func (c *carrier) need(r repository, p string) (string, error) {
	dir := string(r)
	ours, err := goVersion(filepath.Join(c.line.root, "go.mod"))
	if err != nil {
		return "", err
	}
	theirs, err := goVersion(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	do := func(arguments ...string) (string, error) {
		command := goCommand(dir, "off", arguments...)
		command.Env = append(command.Env, "GOFLAGS=-mod=mod")
		out, err := command.Output()
		return strings.TrimSpace(string(out)), withStderr(err)
	}
	if semver.Compare("v"+ours, "v"+theirs) > 0 {
		if _, err := do("mod", "edit", "-go="+ours); err != nil {
			return "", err
		}
	}
	imports, err := c.list("-f", `{{join .Imports "\n"}}{{"\n"}}{{join .TestImports "\n"}}{{"\n"}}{{join .XTestImports "\n"}}`, c.ours+strings.TrimSuffix("/"+p, "/"))
	if err != nil {
		return "", err
	}
	slices.Sort(imports)
	for _, path := range slices.Compact(imports) {
		if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") || strings.HasPrefix(path, c.ours) {
			continue
		}
		found, err := c.list("-f", "{{.Module.Path}} {{.Module.Version}}", path)
		if err != nil {
			return "", err
		}
		module, version, _ := strings.Cut(found[0], " ")
		if has, _ := do("list", "-m", "-f", "{{.Version}}", module); semver.Compare(has, version) < 0 {
			if _, err := do("get", module+"@"+version); err != nil {
				return "", err
			}
		}
	}
	if _, err := do("mod", "tidy"); err != nil {
		return "", err
	}
	if _, err := do("mod", "edit", "-toolchain=none"); err != nil {
		return "", err
	}
	diff, err := r.git("diff", "-U0", "--", "go.mod")
	changed := ""
	for _, line := range strings.Split(diff, "\n") {
		f := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(line, "+"), "require "))
		if strings.HasPrefix(line, "+") && len(f) == 2 && f[0] != "++" {
			changed += "    " + strings.Join(f, " ") + "\n"
		}
	}
	return changed, err
}
