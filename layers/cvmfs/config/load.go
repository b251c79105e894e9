package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
)

const (
	// FileEnv names one file that is read instead of all others; it must exist.
	FileEnv = "CONTAINERS_CVMFS_CONF"
	// OverrideEnv names one file that is read after all others; it must exist.
	OverrideEnv = "CONTAINERS_CVMFS_CONF_OVERRIDE"

	fileName = "cvmfs.conf"
	dropIns  = fileName + ".d"
)

// systemDirs hold the distribution's file, then the administrator's.
var systemDirs = []string{"/usr/share/containers", "/etc/containers"}

// Load reads the files and applies options on top. Every error names the file
// or the option, the key and the value.
func Load(options Options) (Config, error) {
	c := Default()
	files, err := Files(options.Rootless)
	if err != nil {
		return Config{}, err
	}
	for _, file := range files {
		err := readFile(&c, file.Path)
		if errors.Is(err, fs.ErrNotExist) && !file.Must {
			continue
		}
		if err != nil {
			return Config{}, err
		}
	}
	if err := options.apply(&c); err != nil {
		return Config{}, err
	}
	return c, nil
}

// File is one that Load reads. It is an error if one that must exist does not.
type File struct {
	Path string
	Must bool
}

// Files lists the files that Load reads, in order: in each directory, after
// cvmfs.conf, those in cvmfs.conf.d whose names end in .conf, by name. The
// user's directory is one of them if rootless.
func Files(rootless bool) ([]File, error) {
	var files []File
	if file := os.Getenv(FileEnv); file != "" {
		files = append(files, File{file, true})
	} else {
		dirs := slices.Clone(systemDirs)
		if dir := userDir(); rootless && dir != "" {
			dirs = append(dirs, filepath.Join(dir, "containers"))
		}
		for _, dir := range dirs {
			files = append(files, File{Path: filepath.Join(dir, fileName)})
			entries, err := os.ReadDir(filepath.Join(dir, dropIns)) // sorted
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("reading configuration: %w", err)
			}
			for _, entry := range entries {
				if !entry.IsDir() && filepath.Ext(entry.Name()) == ".conf" {
					files = append(files, File{Path: filepath.Join(dir, dropIns, entry.Name())})
				}
			}
		}
	}
	if file := os.Getenv(OverrideEnv); file != "" {
		files = append(files, File{file, true})
	}
	return files, nil
}

// userDir is the user's configuration directory, "" for an account that has
// none, as services do. A relative XDG_CONFIG_HOME is to be ignored (XDG Base
// Directory Specification).
func userDir() string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".config")
	}
	return ""
}

func readFile(c *Config, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	values := map[string]any{}
	meta, err := toml.Decode(string(data), &values)
	if err != nil {
		return fmt.Errorf("parsing configuration %q: %w", file, err)
	}
	// In the order of the file, so that the first mistake is the one reported.
	for _, key := range meta.Keys() {
		if len(key) > 1 { // inside a table, whose own name has been refused
			continue
		}
		set, known := setters[key[0]]
		if !known {
			return fmt.Errorf("configuration %q: unknown key %q = %v: valid are %s", file, key[0], values[key[0]], keys())
		}
		if err := set(c, values[key[0]]); err != nil {
			return fmt.Errorf("configuration %q: key %q: %w", file, key[0], err)
		}
	}
	return nil
}
