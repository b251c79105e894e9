package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// check holds a configuration to what the rest of the program relies on.
func check(t *testing.T, c Config) {
	t.Helper()
	if len(c.Repositories) == 0 || c.Timeout <= 0 || !slices.Contains(Modes(), c.Pull) || !slices.Contains(Views(), c.View) {
		t.Errorf("accepted %+v", c)
	}
	for i, path := range c.Repositories {
		if !filepath.IsAbs(path) || path == "/" || filepath.Clean(path) != path || strings.Contains(path, "\x00") || !utf8.ValidString(path) ||
			slices.Contains(c.Repositories[:i], path) {
			t.Errorf("accepted %q", c.Repositories)
		}
	}
}

// Whatever stands in cvmfs.conf, a drop-in and an option, it is refused, naming
// where it stands, or gives a configuration that is in order.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("repositories = [\"/cvmfs/a\"]\npull = \"auto\"\n"), []byte("view = \"direct\""), OptionPull, "only")
	f.Add([]byte("repositories = [\"/\", 1]"), []byte("[table]\npull = 3"), OptionRepositories, "/a,/b:c\n,/d\\")
	f.Add([]byte(""), []byte(""), OptionRepositories, "/a\xff")
	f.Add([]byte("timeout = \"-1s\""), []byte("pull = \"\"\n\xff"), OptionView, "")
	f.Add([]byte("pull = [[\"auto\"]]\npull.x = 1"), []byte("a.b.c = {}"), "cvmfs_timeout", "1s")
	f.Fuzz(func(t *testing.T, file, dropIn []byte, option, value string) {
		vendor, admin, _ := node(t)
		write(t, vendor, string(file))
		part := filepath.Join(admin+".d", "50.conf")
		write(t, part, string(dropIn))
		var options Options
		if err := options.Set(option, value); err != nil && !strings.Contains(err.Error(), "storage option") {
			t.Errorf("%q = %q: %v", option, value, err)
		}
		c, err := Load(options)
		switch {
		case err == nil:
			check(t, c)
		case !strings.Contains(err.Error(), vendor) && !strings.Contains(err.Error(), part):
			t.Errorf("the error names no file: %v", err)
		}
	})
}
