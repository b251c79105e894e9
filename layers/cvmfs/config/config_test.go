package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// node gives the test file systems' places of its own, and returns the paths
// of the three files.
func node(t *testing.T) (vendor, admin, user string) {
	t.Helper()
	root := t.TempDir()
	saved := systemDirs
	t.Cleanup(func() { systemDirs = saved })
	systemDirs = []string{filepath.Join(root, "usr"), filepath.Join(root, "etc")}
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(root, "xdg"))
	t.Setenv("HOME", filepath.Join(root, "home"))
	t.Setenv(OverrideEnv, "")
	t.Setenv(FileEnv, "")
	return filepath.Join(root, "usr", fileName), filepath.Join(root, "etc", fileName),
		filepath.Join(root, "xdg", "containers", fileName)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, options Options) Config {
	t.Helper()
	c, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadWithoutFiles(t *testing.T) {
	node(t)
	want := Config{
		Repositories: []string{"/cvmfs/unpacked.cern.ch"}, Pull: Off, View: Served, Timeout: 10 * time.Second,
		StartTimeout: time.Minute,
	}
	if got := load(t, Options{Rootless: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLoadOverridesKeyByKey(t *testing.T) {
	vendor, admin, user := node(t)
	write(t, vendor, "repositories = [\"/vendor\"]\npull = \"auto\"\nview = \"direct\"\ntimeout = \"1s\"\nstart_timeout = \"2s\"\n")
	write(t, admin, "repositories = [\"/a\", \"/b\"]\npull = \"only\"\n")
	write(t, user, "# the user's choice\npull = \"off\"\n")
	want := Config{
		Repositories: []string{"/a", "/b"}, Pull: Off, View: Direct, Timeout: time.Second,
		StartTimeout: 2 * time.Second,
	}
	if got := load(t, Options{Rootless: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var options Options
	for _, o := range [][2]string{{OptionRepositories, "/first,/second"}, {OptionPull, "auto"}, {OptionView, "served"}} {
		if err := options.Set(o[0], o[1]); err != nil {
			t.Fatal(err)
		}
	}
	want = Config{
		Repositories: []string{"/first", "/second"}, Pull: Auto, View: Served, Timeout: time.Second,
		StartTimeout: 2 * time.Second,
	}
	if got := load(t, options); !reflect.DeepEqual(got, want) {
		t.Errorf("with options: got %+v, want %+v", got, want)
	}
}

func TestLoadNamedFile(t *testing.T) {
	_, admin, _ := node(t)
	write(t, admin, `pull = "only"`)
	named := filepath.Join(t.TempDir(), "mine.conf")
	t.Setenv(FileEnv, named)
	if _, err := Load(Options{Rootless: true}); err == nil || !strings.Contains(err.Error(), named) {
		t.Errorf("a missing named file must be an error that names it, got %v", err)
	}
	write(t, named, `view = "direct"`)
	want := Default()
	want.View = Direct
	if got := load(t, Options{Rootless: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want the named file alone: %+v", got, want)
	}
}

func TestLoadRootful(t *testing.T) {
	_, admin, user := node(t)
	write(t, admin, `pull = "auto"`)
	write(t, user, `pull = "only"`)
	write(t, user+".d/site.conf", `pull = "only"`)
	if got := load(t, Options{}).Pull; got != Auto {
		t.Errorf("got %q: a user's file is not root's", got)
	}
}

// As with containers.conf: files in a directory beside each, by name, and one
// that comes last.
func TestLoadDropIns(t *testing.T) {
	_, admin, user := node(t)
	write(t, admin, "pull = \"auto\"\ntimeout = \"1s\"\nview = \"direct\"")
	write(t, admin+".d/20-b.conf", "pull = \"off\"\ntimeout = \"2s\"")
	write(t, admin+".d/10-a.conf", `pull = "only"`)
	write(t, admin+".d/30-c.conf.rpmsave", `pull = "nonsense"`)
	write(t, filepath.Join(admin+".d", "40-directory.conf", "x"), `pull = "nonsense"`)
	write(t, user+".d/site.conf", `timeout = "3s"`)
	want := Default()
	want.Pull, want.Timeout, want.View = Off, 3*time.Second, Direct
	if got := load(t, Options{Rootless: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	last := filepath.Join(t.TempDir(), "last.conf")
	t.Setenv(OverrideEnv, last)
	if _, err := Load(Options{Rootless: true}); err == nil || !strings.Contains(err.Error(), last) {
		t.Errorf("a missing file that is named must be an error that names it, got %v", err)
	}
	write(t, last, `pull = "auto"`)
	want.Pull = Auto
	if got := load(t, Options{Rootless: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	named := filepath.Join(t.TempDir(), "named.conf")
	write(t, named, "pull = \"only\"\nview = \"direct\"")
	t.Setenv(FileEnv, named) // alone, but for that last one
	want = Default()
	want.Pull, want.View = Auto, Direct
	if got := load(t, Options{Rootless: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	write(t, admin+".d/50-bad.conf", `pull = "bad"`)
	t.Setenv(FileEnv, "")
	if _, err := Load(Options{Rootless: true}); err == nil || !strings.Contains(err.Error(), "50-bad.conf") {
		t.Errorf("got %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string // besides the file's name
	}{
		{"unknown mode", `pull = "maybe"`, []string{`"pull"`, `"maybe"`, "auto, only or off"}},
		{"empty mode", `pull = ""`, []string{`"pull"`, `""`}},
		{"mode in capitals", `pull = "Auto"`, []string{`"Auto"`}},
		{"mode of another type", `pull = true`, []string{`"pull"`, "true"}},
		{"mode as a table", `pull.auto = true`, []string{`"pull"`}},
		{"unknown view", `view = "raw"`, []string{`"view"`, `"raw"`, "served or direct"}},
		{"relative repository", `repositories = ["cvmfs/x"]`, []string{`"repositories"`, `"cvmfs/x"`}},
		{"repository that goes up", `repositories = ["/cvmfs/../x"]`, []string{`"/cvmfs/../x"`}},
		{"repository that goes up at its end", `repositories = ["/cvmfs/x/.."]`, []string{`"/cvmfs/x/.."`}},
		{"root as repository", `repositories = ["/"]`, []string{`"/"`}},
		{"root in another way", `repositories = ["//."]`, []string{`"//."`}},
		{"empty repository", `repositories = [""]`, []string{`"repositories"`, `""`}},
		{"no repository", `repositories = []`, []string{`"repositories"`, `"off"`}},
		{"repositories as a string", `repositories = "/a"`, []string{`"repositories"`, "/a"}},
		{"repositories of numbers", `repositories = [1]`, []string{`"repositories"`, "1"}},
		{"timeout without unit", `timeout = "10"`, []string{`"timeout"`, `"10"`}},
		{"timeout as a number", `timeout = 10`, []string{`"timeout"`, "10"}},
		{"timeout of zero", `timeout = "0s"`, []string{`"timeout"`, `"0s"`}},
		{"timeout below zero", `timeout = "-1s"`, []string{`"-1s"`}},
		{"not TOML", `pull = `, []string{"pars"}},
		{"key twice", "pull = \"auto\"\npull = \"off\"", []string{"pull"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, admin, _ := node(t)
			write(t, admin, tc.text)
			_, err := Load(Options{Rootless: true})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range append(tc.want, admin) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
}

func TestLoadUnreadableIsNotMissing(t *testing.T) {
	_, admin, _ := node(t)
	if err := os.MkdirAll(admin, 0o755); err != nil { // a directory of that name
		t.Fatal(err)
	}
	if _, err := Load(Options{Rootless: true}); err == nil || !strings.Contains(err.Error(), admin) {
		t.Errorf("want an error that names the file, got %v", err)
	}
}

func TestOptionsSetRefuses(t *testing.T) {
	for _, tc := range []struct{ name, option, value string }{
		{"unknown option", "cvmfs_pul", "auto"},
		{"key of the file", "pull", "auto"},
		{"mode", OptionPull, "maybe"},
		{"view", OptionView, "raw"},
		{"empty list", OptionRepositories, ""},
		{"relative", OptionRepositories, "/a,b"},
		{"empty item", OptionRepositories, "/a,,/b"},
		{"not UTF-8", OptionRepositories, "/a\xff"},
		{"space", OptionRepositories, "/a, /b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var options Options
			err := options.Set(tc.option, tc.value)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), `"`+tc.option+`"`) {
				t.Errorf("error %q does not name the option", err)
			}
			node(t)
			if got := load(t, options); !reflect.DeepEqual(got, Default()) {
				t.Errorf("a refused option took effect: %+v", got)
			}
		})
	}
	if !IsOption(OptionPull) || IsOption("mountopt") {
		t.Error("IsOption is wrong")
	}
}

func TestParseMode(t *testing.T) {
	for _, mode := range Modes() {
		if got, err := ParseMode(string(mode)); err != nil || got != mode {
			t.Errorf("ParseMode(%q) = %q, %v", mode, got, err)
		}
	}
	if _, err := ParseMode("on"); err == nil || !strings.Contains(err.Error(), "auto, only or off") {
		t.Errorf("want an error that lists the modes, got %v", err)
	}
}
