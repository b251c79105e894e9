package config

import (
	"fmt"
	"strings"
)

// Names of the storage options, as in --storage-opt overlay.cvmfs_pull=auto.
const (
	OptionRepositories = "cvmfs_repositories" // comma-separated paths
	OptionPull         = "cvmfs_pull"
	OptionView         = "cvmfs_view"
)

// optionKeys gives each storage option its key in cvmfs.conf.
var optionKeys = map[string]string{
	OptionRepositories: "repositories",
	OptionPull:         "pull",
	OptionView:         "view",
}

// Options is what the command line set. The zero value sets nothing.
type Options struct {
	// Rootless has the user's own files read, too. Root's are the system's,
	// as with the other files of the containers tools.
	Rootless bool

	settings []setting
}

type setting struct {
	key   string
	value any
}

// IsOption tells whether name is one of the storage options above.
func IsOption(name string) bool {
	_, ok := optionKeys[name]
	return ok
}

// Set notes one storage option; a later one overrides an earlier one. The
// value is checked at once and no file is read, so that a mistake on the
// command line shows before anything happens.
func (o *Options) Set(name, value string) error {
	key, ok := optionKeys[name]
	if !ok {
		return fmt.Errorf("unknown storage option %q = %q: valid are %s, %s and %s",
			name, value, OptionRepositories, OptionPull, OptionView)
	}
	s := setting{key: key, value: value}
	if key == "repositories" {
		var items []any
		for _, item := range strings.Split(value, ",") {
			items = append(items, item)
		}
		s.value = items
	}
	var scratch Config
	if err := setters[s.key](&scratch, s.value); err != nil {
		return fmt.Errorf("storage option %q: %w", name, err)
	}
	o.settings = append(o.settings, s)
	return nil
}

func (o *Options) apply(c *Config) error {
	for _, s := range o.settings {
		if err := setters[s.key](c, s.value); err != nil {
			return err
		}
	}
	return nil
}
