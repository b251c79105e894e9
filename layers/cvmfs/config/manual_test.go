package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The manual page, which comes with the series for podman, and docs/ name every
// key, and the page every storage option and variable.
func TestManual(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	manual := filepath.Join(root, "podman-patches/podman/src/docs/source/markdown/cvmfs.conf.5.md")
	words := map[string][]string{manual: {FileEnv, OverrideEnv, fileName, dropIns}}
	for option := range optionKeys {
		words[manual] = append(words[manual], option)
	}
	page := filepath.Join(root, "docs", "configuration.md")
	words[page] = []string{FileEnv, OverrideEnv, fileName, dropIns}
	for key := range setters {
		words[manual] = append(words[manual], "\n**"+key+"**=")
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
