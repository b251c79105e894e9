// Package config reads cvmfs.conf: which repositories are searched for layers,
// whether a pull asks them when no flag says so, and how layer directories are
// shown to overlayfs.
//
// The settings have a file of their own because stock containers/storage warns
// about keys that it does not know in storage.conf, at every start, and the
// warning of a re-executed helper is taken for its failure.
//
// Files are read in the order of Files; a later one overrides an earlier one
// key by key. What the command line gave as storage options (Options)
// overrides the files.
package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// DefaultRepository is searched where no repository is configured.
	DefaultRepository = "/cvmfs/unpacked.cern.ch"
	// DefaultTimeout ends one question to a repository. A CVMFS client that
	// has lost its server gives EIO after some 22 seconds, over and over;
	// ten are plenty for one that has not.
	DefaultTimeout = 10 * time.Second
	// DefaultStartTimeout bounds how long the layers of a container may take to
	// open. A client that cannot reach its servers answers with EIO after 22 s,
	// 43 s where a catalogue is missing; that is the error to show.
	DefaultStartTimeout = 60 * time.Second
)

// Config is what all files and options together say.
type Config struct {
	// Repositories are absolute, clean paths, searched in order; at least one.
	Repositories []string
	// Pull is the mode of a pull that names none itself.
	Pull Mode
	// View is what overlayfs stacks.
	View View
	// Timeout is the deadline of one question to one repository.
	Timeout time.Duration
	// StartTimeout is the deadline for all layers of a view to open.
	StartTimeout time.Duration
	// Setuid lets setuid and setgid files of a repository have these bits, though all
	// of a repository's files show as root's.
	Setuid bool
	// Warnings are sentences about what stands in files and has no effect.
	Warnings []string
}

// Default is the configuration of a node without any file.
func Default() Config {
	return Config{
		Repositories: []string{DefaultRepository},
		Pull:         Off,
		View:         Served,
		Timeout:      DefaultTimeout,
		StartTimeout: DefaultStartTimeout,
	}
}

// setters holds the keys of cvmfs.conf. A value is a string or a list of
// strings; the error says what is wrong with it, and the caller where it stands.
var setters = map[string]func(c *Config, value any) error{
	"repositories": func(c *Config, value any) error {
		list, err := stringList(value)
		if err != nil {
			return err
		}
		if list, err = cleanRepositories(list); err != nil {
			return err
		}
		c.Repositories = list
		return nil
	},
	"pull": func(c *Config, value any) error {
		text, err := stringValue(value)
		if err != nil {
			return err
		}
		mode, err := ParseMode(text)
		if err != nil {
			return err
		}
		c.Pull = mode
		return nil
	},
	"view": func(c *Config, value any) error {
		text, err := stringValue(value)
		if err != nil {
			return err
		}
		view, err := ParseView(text)
		if err != nil {
			return err
		}
		c.View = view
		return nil
	},
	"setuid": func(c *Config, value any) error {
		on, ok := value.(bool)
		if !ok {
			return fmt.Errorf("%#v is neither true nor false", value)
		}
		c.Setuid = on
		return nil
	},
	"timeout":       func(c *Config, value any) error { return setDuration(&c.Timeout, value) },
	"start_timeout": func(c *Config, value any) error { return setDuration(&c.StartTimeout, value) },
}

// keys lists the names in setters, for messages.
func keys() string {
	names := make([]string, 0, len(setters))
	for name := range setters {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// cleanRepositories gives the paths of list in the form that they have in records
// of layers: clean, each one once.
func cleanRepositories(list []string) ([]string, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("no repository is named; pull = %q is the way to use none", Off)
	}
	var repositories []string
	for _, path := range list {
		clean := filepath.Clean(path)
		switch {
		case !filepath.IsAbs(path):
			return nil, fmt.Errorf("%q is not an absolute path", path)
		case slices.Contains(strings.Split(path, "/"), ".."): // after a symbolic link, not what Clean takes it for
			return nil, fmt.Errorf("%q holds \"..\": name the directory without", path)
		case clean == "/":
			return nil, fmt.Errorf("%q is not a repository", path)
		case strings.ContainsRune(path, 0):
			return nil, fmt.Errorf("%q holds a NUL byte", path)
		case !utf8.ValidString(path): // records are JSON, which would hold another path
			return nil, fmt.Errorf("%q is not UTF-8", path)
		}
		if !slices.Contains(repositories, clean) {
			repositories = append(repositories, clean)
		}
	}
	return repositories, nil
}

func setDuration(to *time.Duration, value any) error {
	text, err := stringValue(value)
	if err != nil {
		return err
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration <= 0 {
		return fmt.Errorf("%q is not a duration above zero, such as %q", text, DefaultTimeout)
	}
	*to = duration
	return nil
}

func stringValue(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%v is not a string", value)
	}
	return text, nil
}

func stringList(value any) ([]string, error) {
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%#v is not an array of strings", value)
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		text, err := stringValue(item)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}
