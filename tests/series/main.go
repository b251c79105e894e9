package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const usage = `usage: series COMMAND [MODULE...]

  lay          lay patched trees under _build/LINE/
  work         the same, and say how to open them in an editor
  export       write the trees' commits and files back as patches and sources
  check        do the series apply, build, round-trip and say why? [--test: each patch passes its tests; --changed: what no check has passed]
  test         run the Go tests that the series add [GOTESTFLAGS, RACE=-race]
  mail         write the series as mails to upstream under _build/series/LINE/ [--check: apply and build each]
  count        lines of sources and hooks, by module and line
  describe     one line: patches and a hash of each module
  files        write our files of a module as its tree has them: files MODULE DIRECTORY
  spec         write into rpm/podman-cvmfs.spec what follows from the series [--check: compare]
  bump         move a series onto another version: bump MODULE VERSION
  recover      set work in trees aside on a branch, and lay them again
  clean        remove trees without work [--force: and with]

LINE in the environment is the line, v4 where it is not set; count and check
without --changed look at that one only.
`

// command is one of the usage's.
type command struct {
	run   func(l *line, flag bool, modules []*module, arguments []string) error
	flags []string
	plain bool // the arguments are not modules' names
	trees bool // it works on the trees, which other runs then have to wait for
}

var commands = map[string]command{
	"lay":      {run: func(l *line, _ bool, m []*module, _ []string) error { return l.layAll(m) }, trees: true},
	"work":     {run: func(l *line, _ bool, m []*module, _ []string) error { return l.work(m) }, trees: true},
	"export":   {run: func(l *line, _ bool, m []*module, _ []string) error { return l.export(m) }, trees: true},
	"check":    {run: func(l *line, _ bool, m []*module, a []string) error { return l.check(m, a) }, flags: []string{"--test", "--changed"}},
	"test":     {run: func(l *line, _ bool, m []*module, _ []string) error { return l.test(m) }, trees: true},
	"mail":     {run: func(l *line, f bool, m []*module, _ []string) error { return l.mail(m, f) }, flags: []string{"--check"}, trees: true},
	"count":    {run: func(l *line, _ bool, _ []*module, _ []string) error { return l.count() }},
	"describe": {run: func(l *line, _ bool, _ []*module, _ []string) error { return l.describe() }},
	"files":    {run: func(l *line, _ bool, _ []*module, a []string) error { return l.files(a) }, plain: true},
	"spec":     {run: func(l *line, f bool, _ []*module, _ []string) error { return l.spec(f) }, flags: []string{"--check"}},
	"bump":     {run: func(l *line, _ bool, _ []*module, a []string) error { return l.bump(a) }, plain: true, trees: true},
	"recover":  {run: func(l *line, _ bool, m []*module, _ []string) error { return l.recover(m) }, trees: true},
	"clean":    {run: func(l *line, f bool, m []*module, _ []string) error { return l.clean(m, f) }, flags: []string{"--force"}, trees: true},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "series:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 || commands[arguments[0]].run == nil {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("a command is needed")
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return err
	}
	l, err := newProject(root, os.Stdout).line(os.Getenv("LINE"))
	if err != nil {
		return err
	}
	return l.command(arguments[0], arguments[1:])
}

// command runs one of the commands with its flags, which come first, and arguments.
func (l *line) command(name string, arguments []string) error {
	c := commands[name]
	var flags []string
	for len(arguments) > 0 && strings.HasPrefix(arguments[0], "-") {
		known := false
		for _, flag := range c.flags {
			known = known || flag == arguments[0]
		}
		if !known {
			return fmt.Errorf("%s has no option %s", name, arguments[0])
		}
		flags, arguments = append(flags, arguments[0]), arguments[1:]
	}
	if c.trees {
		unlock, err := l.lock()
		if err != nil {
			return err
		}
		defer unlock()
		if err := l.load(); err != nil {
			return err
		}
	}
	if c.plain {
		return c.run(l, len(flags) > 0, nil, arguments)
	}
	modules, err := l.selected(arguments)
	if err != nil {
		return err
	}
	return c.run(l, len(flags) > 0, modules, flags)
}
