package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

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
// or the option, the key and the value. A key that is not known is no error: the
// caller may tell the user of Config.Warnings (see WarnOnce).
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
		if rootless {
			dir, err := userDir()
			if err != nil {
				return nil, fmt.Errorf("finding the user's %s: %w", fileName, err)
			}
			if dir != "" {
				dirs = append(dirs, filepath.Join(dir, "containers"))
			}
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
func userDir() (string, error) {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := homeDir()
	if home == "" || err != nil {
		return "", err
	}
	return filepath.Join(home, ".config"), nil
}

// rootlessUID is where containers/storage keeps the user's ID for the program that
// goes on in a user namespace, as root (pkg/unshare there).
const rootlessUID = "_CONTAINERS_ROOTLESS_UID"

// homeDir is the user's home directory, found as containers/storage finds it for
// the other configuration files: batch systems and cron start jobs without HOME.
// It is "" for a user whom the system does not know.
func homeDir() (string, error) {
	if home := os.Getenv("HOME"); home != "" {
		return home, nil
	}
	uid := os.Getenv(rootlessUID)
	if uid == "" {
		uid = strconv.Itoa(os.Getuid())
	}
	account, err := lookupID(uid)
	if unknown := user.UnknownUserIdError(0); errors.As(err, &unknown) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("HOME is not set, and the account of user %s cannot be looked up: %w", uid, err)
	}
	return account.HomeDir, nil
}

var lookupID = user.LookupId

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
	seen := map[string]bool{}
	for _, key := range meta.Keys() {
		if seen[key[0]] { // inside a table, whose name has been looked at
			continue
		}
		seen[key[0]] = true
		set, known := setters[key[0]]
		if !known { // of another version, or a mistake; the rest is good
			c.Warnings = append(c.Warnings, fmt.Sprintf("configuration %q: unknown key %q is ignored: valid are %s", file, key[0], keys()))
			continue
		}
		if err := set(c, values[key[0]]); err != nil {
			return fmt.Errorf("configuration %q: key %q: %w", file, key[0], err)
		}
	}
	return nil
}

// warned holds what this process has been told.
var warned sync.Map

// WarnOnce hands each of c's warnings to warn, those that this process has not
// handed out before. It is for the command that the user has started: what a
// program prints that another one runs as its helper is taken for its error.
func (c Config) WarnOnce(warn func(string)) {
	for _, line := range c.Warnings {
		if _, before := warned.LoadOrStore(line, true); !before {
			warn(line)
		}
	}
}
