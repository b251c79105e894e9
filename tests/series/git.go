package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// repository is a git repository that git works in as on any other machine:
// what a user's configuration says must not reach the trees.
type repository string

// git runs it and returns what it prints, without the last newline.
func (r repository) git(arguments ...string) (string, error) { return r.gitWith(nil, "", arguments...) }

// gitWith is git with more environment and a standard input.
func (r repository) gitWith(env []string, stdin string, arguments ...string) (string, error) {
	out, err := r.raw(env, stdin, arguments...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// raw is gitWith with all that git prints.
func (r repository) raw(env []string, stdin string, arguments ...string) ([]byte, error) {
	c := exec.Command("git", append([]string{
		"--no-optional-locks", "-C", string(r), "-c", "safe.directory=*",
		"-c", "core.attributesFile=/dev/null", "-c", "core.hooksPath=/dev/null", "-c", "am.threeWay=false",
		"-c", "advice.detachedHead=false", "-c", "core.quotePath=false",
	}, arguments...)...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") {
			c.Env = append(c.Env, e)
		}
	}
	c.Env = append(c.Env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_COMMITTER_NAME=upstream", "GIT_COMMITTER_EMAIL=upstream@localhost")
	c.Env = append(c.Env, env...)
	c.Stdin = strings.NewReader(stdin)
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", arguments[0], err, strings.TrimSpace(errors.String()+out.String()))
	}
	return out.Bytes(), nil
}

// names runs git and splits what it prints at NUL bytes.
func (r repository) names(arguments ...string) ([]string, error) {
	out, err := r.git(arguments...)
	if out = strings.TrimSuffix(out, "\x00"); out == "" || err != nil {
		return nil, err
	}
	return strings.Split(out, "\x00"), nil
}

// commits is those after base up to tip, oldest first. A series is a line.
func (r repository) commits(base, tip string) ([]string, error) {
	merges, err := r.git("rev-list", "--merges", base+".."+tip)
	if err != nil {
		return nil, err
	}
	if merges != "" {
		return nil, fmt.Errorf("%s holds a merge commit; a series is a line: rebase it onto its base", r)
	}
	out, err := r.git("rev-list", "--reverse", base+".."+tip)
	return strings.Fields(out), err
}

// changed is the paths that differ between two commits and whose kind of
// change, such as "A", filter has.
func (r repository) changed(filter, from, to string, pathspec ...string) ([]string, error) {
	return r.names(append([]string{
		"diff", "--name-only", "--no-renames", "-z", "--diff-filter=" + filter, from, to, "--",
	}, pathspec...)...)
}

// authored is the environment in which a commit gets the author and date of another.
func (r repository) authored(commit string) ([]string, error) {
	out, err := r.git("log", "-1", "--format=%an%n%ae%n%ad", "--date=raw", commit)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(out, "\n")
	return []string{
		"GIT_AUTHOR_NAME=" + lines[0], "GIT_AUTHOR_EMAIL=" + lines[1],
		"GIT_AUTHOR_DATE=" + lines[2], "GIT_COMMITTER_DATE=" + lines[2],
	}, nil
}
