package standin

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestNamesOfLayers(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	dir := ".layers/ab/" + hex
	for _, c := range []struct {
		name      string
		layer     bool
		catalogue string
	}{
		{"", false, ""},
		{".layers", false, ""},
		{".layers/ab", false, ""},
		{dir, true, ""},
		{dir + "/.metadata/layers.json", true, ""},
		{dir + "/layerfs", true, dir + "/layerfs"},
		{dir + "/layerfs/etc/passwd", true, dir + "/layerfs"},
		{dir + "/layerfs2", true, ""},
		{".layers/cd/" + hex, false, ""},
		{".layers/ab/" + strings.ToUpper(hex) + "/layerfs", false, ""},
		{".layers/ab/" + hex[2:] + "/layerfs", false, ""},
		{".flat/ab/" + hex + "/layerfs", false, ""},
		{"x/" + dir + "/layerfs", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := digest.Digest("")
			if c.layer {
				want = digest.Digest("sha256:" + hex)
			}
			if got := layerOf(c.name); got != want {
				t.Errorf("layer %q, want %q", got, want)
			}
			if got := catalogueOf(c.name); got != c.catalogue {
				t.Errorf("catalogue %q, want %q", got, c.catalogue)
			}
		})
	}
}

func TestBeneath(t *testing.T) {
	for _, c := range []struct {
		name, dir string
		want      bool
	}{
		{"", "", true},
		{"a", "", true},
		{"a", "a", true},
		{"a/b", "a", true},
		{"ab", "a", false},
		{"a", "a/b", false},
		{"", "a", false},
	} {
		if got := beneath(c.name, c.dir); got != c.want {
			t.Errorf("beneath(%q, %q) = %v", c.name, c.dir, got)
		}
	}
}

func TestInodesBelongToPathsAndRevisions(t *testing.T) {
	seen := map[uint64]string{}
	for _, name := range []string{"", "a", "b", "a/b", "b/a", "a/a"} {
		for revision := range uint64(2) {
			number := inode(name, revision)
			if other, clash := seen[number]; clash {
				t.Errorf("%q and %q share inode %d", name, other, number)
			}
			seen[number] = name
			if number != inode(name, revision) || number < 2 {
				t.Errorf("inode of %q: %d", name, number)
			}
		}
	}
}
