package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What is written in another way and can only mean one thing is taken for that.
func TestLoadCleansRepositories(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"trailing slash", `["/cvmfs/x/"]`, []string{"/cvmfs/x"}},
		{"trailing slashes", `["/cvmfs/x//"]`, []string{"/cvmfs/x"}},
		{"double slashes", `["//cvmfs//x"]`, []string{"/cvmfs/x"}},
		{"dots", `["/cvmfs/./x/."]`, []string{"/cvmfs/x"}},
		{"names with dots", `["/cvmfs/..x/y.."]`, []string{"/cvmfs/..x/y.."}},
		{"twice", `["/a", "/b", "/a"]`, []string{"/a", "/b"}},
		{"twice, written differently", `["/a/", "/b", "/a"]`, []string{"/a", "/b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, admin, _ := node(t)
			write(t, admin, "repositories = "+tc.text)
			if got := load(t, Options{Rootless: true}).Repositories; !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			var options Options
			if err := options.Set(OptionRepositories, strings.NewReplacer(`["`, "", `"]`, "", `", "`, ",").Replace(tc.text)); err != nil {
				t.Fatal(err)
			}
			if got := load(t, options).Repositories; !slices.Equal(got, tc.want) {
				t.Errorf("as an option: got %q, want %q", got, tc.want)
			}
		})
	}
}

// An unknown key is told, once, and changes nothing.
func TestLoadUnknownKeys(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       [][]string // what each warning names besides the file
	}{
		{"key", "repos = [\"/a\"]\npull = \"auto\"", [][]string{{`"repos"`, "repositories"}}},
		{"table", "pull = \"auto\"\n[storage]\npull = \"only\"\nview = \"direct\"", [][]string{{`"storage"`}}},
		{"two", "a = 1\npull = \"auto\"\nb.c = {}", [][]string{{`"a"`}, {`"b"`}}},
		{"none", `pull = "auto"`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, admin, _ := node(t)
			write(t, admin+".d/10-x.conf", tc.text)
			c := load(t, Options{Rootless: true})
			want := Default()
			want.Pull, want.Warnings = Auto, c.Warnings
			if !reflect.DeepEqual(c, want) {
				t.Errorf("got %+v, want %+v", c, want)
			}
			var told []string
			for range 2 {
				load(t, Options{Rootless: true}).WarnOnce(func(line string) { told = append(told, line) })
			}
			if !slices.Equal(told, c.Warnings) || len(told) != len(tc.want) {
				t.Fatalf("told %q of %q", told, c.Warnings)
			}
			for i, words := range tc.want {
				for _, word := range append(words, filepath.Join(admin+".d", "10-x.conf")) {
					if !strings.Contains(told[i], word) {
						t.Errorf("warning %q does not name %q", told[i], word)
					}
				}
			}
		})
	}
}
