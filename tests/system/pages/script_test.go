package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shell runs a page's commands, and says what became of them.
func shell(t *testing.T, page string) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	blocks, err := parse(page)
	if err != nil {
		t.Fatal(err)
	}
	var s bytes.Buffer
	if err := script(&s, blocks, "", dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", s.String())
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return dir, err
	}
	return dir, prints(blocks, "", dir)
}

func TestScript(t *testing.T) {
	for name, c := range map[string]struct {
		page string
		ok   bool
	}{
		"one shell":                  {"    a=1\n\ntext\n\n    echo $a\n\n<!-- prints -->\n\n    1\n", true},
		"what is printed is another": {"    echo 2\n\n<!-- prints -->\n\n    1\n", false},
		"errors count as printed":    {"    echo 1 >&2\n\n<!-- prints -->\n\n    1\n", true},
		"a command fails":            {"    false\n\ntext\n\n    true\n", false},
		"one in a pipe fails":        {"    false | true\n", false},
		"a variable is not set":      {"    echo $nothing\n", false},
		"it fails, as it should":     {"<!-- fails -->\n\n    false\n", true},
		"it does not fail":           {"<!-- fails -->\n\n    true\n", false},
		"and then fails":             {"<!-- fails -->\n\n    false\n\ntext\n\n    false\n", false},
		"a file":                     {"<!-- file: d/f -->\n\n    $a 'b'\n\ntext\n\n    cat d/f\n\n<!-- prints -->\n\n    $a 'b'\n", true},
		"what is not run is not":     {"    true\n\n<!-- not run: it fails -->\n\n    false\n", true},
		"nor another shell's":        {"    true\n\n<!-- shell: other -->\n\n    false\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			if dir, err := shell(t, c.page); (err == nil) != c.ok {
				last, _ := os.ReadFile(filepath.Join(dir, "last"))
				t.Errorf("%v, in line %s", err, strings.TrimSpace(string(last)))
			}
		})
	}
}

func TestScriptOfNobody(t *testing.T) {
	if err := script(&bytes.Buffer{}, []block{{text: "true"}}, "other", "/dir"); err == nil {
		t.Error("a shell that the page does not have")
	}
}
