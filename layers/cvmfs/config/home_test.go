package config

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The user's file is found where containers/storage finds the other ones.
func TestLoadUserFile(t *testing.T) {
	const unset = "\x00"
	own := strconv.Itoa(os.Getuid())
	for _, tc := range []struct{ name, xdg, home, rootlessUID string }{
		{"XDG_CONFIG_HOME empty", "", "HOME", ""},
		{"XDG_CONFIG_HOME relative", "some/where", "HOME", ""},
		{"HOME empty", "", "", ""},
		{"HOME unset", "", unset, ""},
		{"nothing but PATH", unset, unset, unset},
		{"in a user namespace", "", "", "4711"},
		{"in a user namespace, HOME set", "", "HOME", "4711"},
		{"relative XDG_CONFIG_HOME, no HOME", "some/where", unset, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			node(t)
			home := t.TempDir()
			uid := own
			if tc.rootlessUID != "" && tc.rootlessUID != unset {
				uid = tc.rootlessUID
			}
			accounts(t, map[string]string{uid: home})
			write(t, filepath.Join(home, ".config/containers", fileName), `pull = "only"`)
			if tc.home == "HOME" {
				tc.home = home
				accounts(t, nil)
			}
			for name, value := range map[string]string{"XDG_CONFIG_HOME": tc.xdg, "HOME": tc.home, rootlessUID: tc.rootlessUID} {
				t.Setenv(name, strings.Trim(value, unset)) // restores it afterwards
				if value == unset {
					os.Unsetenv(name)
				}
			}
			if got := load(t, Options{Rootless: true}).Pull; got != Only {
				t.Errorf("pull is %q, want the user's", got)
			}
			if got := load(t, Options{}).Pull; got != Off {
				t.Errorf("root's pull is %q: a user's file is not root's", got)
			}
		})
	}
}

// accounts replaces the system's: homes by user ID.
func accounts(t *testing.T, homes map[string]string) {
	t.Helper()
	saved := lookupID
	t.Cleanup(func() { lookupID = saved })
	lookupID = func(uid string) (*user.User, error) {
		if home, known := homes[uid]; known {
			return &user.User{HomeDir: home}, nil
		}
		n, err := strconv.Atoi(uid)
		return nil, errors.Join(err, user.UnknownUserIdError(n))
	}
}

// A service's user ID need not have an account. That the accounts cannot be read is something else.
func TestLoadWithoutHome(t *testing.T) {
	node(t)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	accounts(t, nil)
	if got := load(t, Options{Rootless: true}).Pull; got != Off {
		t.Errorf("pull is %q", got)
	}
	lookupID = func(string) (*user.User, error) { return nil, errors.New("connection refused") }
	_, err := Load(Options{Rootless: true})
	if err == nil || !strings.Contains(err.Error(), "HOME is not set") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	if got := load(t, Options{}).Pull; got != Off {
		t.Errorf("root's pull is %q", got)
	}
}
