package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
)

const (
	// FileEnv names one file that is read instead of Files; it must exist.
	FileEnv = "CONTAINERS_CVMFS_CONF"

	fileName = "cvmfs.conf"
)

// systemDirs hold the distribution's file, then the administrator's.
var systemDirs = []string{"/usr/share/containers", "/etc/containers"}

// Load reads the files and applies options on top. Every error names the file
// or the option, the key and the value.
func Load(options Options) (Config, error) {
	c := Default()
	files, must := Files()
	for _, file := range files {
		err := readFile(&c, file)
		if errors.Is(err, fs.ErrNotExist) && !must {
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

// Files lists the files that Load reads, in order, and whether they must exist.
func Files() (files []string, must bool) {
	if file := os.Getenv(FileEnv); file != "" {
		return []string{file}, true
	}
	for _, dir := range systemDirs {
		files = append(files, filepath.Join(dir, fileName))
	}
	if dir := userDir(); dir != "" {
		files = append(files, filepath.Join(dir, "containers", fileName))
	}
	return files, false
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
