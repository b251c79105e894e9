package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The manual page, which is a patch of podman, and docs/ name every key, and
// the page every storage option and variable.
func TestManual(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "podman-patches", "podman", "*-cvmfs.conf-5.patch"))
	if err != nil || len(pages) != 1 {
		t.Fatalf("patches that add the page: %q, %v", pages, err)
	}
	words := map[string][]string{pages[0]: {FileEnv, OverrideEnv, fileName, dropIns}}
	for option := range optionKeys {
		words[pages[0]] = append(words[pages[0]], option)
	}
	page := filepath.Join(root, "docs", "configuration.md")
	words[page] = []string{FileEnv, OverrideEnv, fileName, dropIns}
	for key := range setters {
		words[pages[0]] = append(words[pages[0]], "\n+**"+key+"**=")
		words[page] = append(words[page], "| `"+key+"` |")
	}
	for file, words := range words {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), word) {
				t.Errorf("%s says nothing of %q", file, word)
			}
		}
	}
}
