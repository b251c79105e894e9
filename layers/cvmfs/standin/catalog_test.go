package standin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A catalogue hash changes with its layer, and only then.
func TestCatalogHash(t *testing.T) {
	top := ".layers/ab/" + strings.Repeat("ab", 32) + "/layerfs"
	other := ".layers/cd/" + strings.Repeat("cd", 32) + "/layerfs"
	for _, c := range []struct {
		name    string
		changes bool
		do      func(dir string) error // dir: the layer directory
	}{
		{"nothing", false, func(string) error { return nil }},
		{"read", false, func(dir string) error { _, err := os.ReadFile(dir + "/etc/file"); return err }},
		{"another layer", false, func(dir string) error { return os.WriteFile(filepath.Join(dir, "../../../..", other, "x"), nil, 0o644) }},
		{"own metadata", false, func(dir string) error { return os.WriteFile(filepath.Join(dir, "../layers.json"), nil, 0o644) }},
		{"hard link elsewhere", false, func(dir string) error { return os.Link(dir+"/etc/file", filepath.Join(dir, "../link")) }},
		{"size", true, func(dir string) error { return os.WriteFile(dir+"/etc/file", []byte("longer than before"), 0o644) }},
		{"contents", true, func(dir string) error { return os.WriteFile(dir+"/etc/file", []byte("BEFORE"), 0o644) }},
		{"mtime", true, func(dir string) error { return os.Chtimes(dir+"/etc/file", time.Now(), time.Unix(1, 0)) }},
		{"mode", true, func(dir string) error { return os.Chmod(dir+"/etc/file", 0o600) }},
		{"mode of the top", true, func(dir string) error { return os.Chmod(dir, 0o700) }},
		{"addition", true, func(dir string) error { return os.WriteFile(dir+"/etc/new", nil, 0o644) }},
		{"deletion", true, func(dir string) error { return os.Remove(dir + "/etc/file") }},
		{"rename", true, func(dir string) error { return os.Rename(dir+"/etc/file", dir+"/etc/file2") }},
		{"link target", true, func(dir string) error {
			if err := os.Remove(dir + "/etc/link"); err != nil {
				return err
			}
			return os.Symlink("elsewhere", dir+"/etc/link")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, layer := range []string{top, other} {
				must(t, os.MkdirAll(filepath.Join(dir, layer, "etc"), 0o755))
			}
			must(t, os.WriteFile(filepath.Join(dir, top, "etc/file"), []byte("before"), 0o644))
			must(t, os.Symlink("somewhere", filepath.Join(dir, top, "etc/link")))
			opts := DefaultOptions()
			s, err := newServer(dir, opts)
			must(t, err)
			t.Cleanup(func() { must(t, s.close()) })

			before, err := s.catalogHash(top)
			must(t, err)
			time.Sleep(10 * time.Millisecond) // the grain of time stamps on some file systems
			must(t, c.do(filepath.Join(dir, top)))
			if again, err := s.catalogHash(top); err != nil || again != before {
				t.Errorf("within a revision: %q, %v; was %q", again, err, before)
			}
			s.catalogues.follow(s.absent, false)
			after, err := s.catalogHash(top)
			must(t, err)
			if (after != before) != c.changes {
				t.Errorf("was %q, is %q; want a change: %v", before, after, c.changes)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
