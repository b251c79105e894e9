package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small makes a tree: two directories, three readable files of 30 bytes, a link.
func small(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"a/one", "a/two", "b/three"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 10), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("one", filepath.Join(root, "a/link")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestWalk(t *testing.T) {
	root := small(t)
	for job, bytes := range map[string]int64{"names": 0, "stat": 0, "read": 30} {
		t.Run(job, func(t *testing.T) {
			r, err := walk(root, visits[job])
			if err != nil {
				t.Fatal(err)
			}
			if r.Names != 6 || r.Bytes != bytes || r.Errors != 0 || r.Seconds <= 0 {
				t.Errorf("got %+v, expected 6 names, %d bytes, no errors", r, bytes)
			}
		})
	}
	if _, err := walk(filepath.Join(root, "none"), visits["names"]); err == nil {
		t.Error("a root that is not there was walked")
	}
}

func TestAbsent(t *testing.T) {
	dir := t.TempDir()
	if r := absent([]string{dir}); r.Names != int64(len(tried)) || r.Errors != 0 {
		t.Errorf("got %+v, expected %d names without errors", r, len(tried))
	}
	if err := os.WriteFile(filepath.Join(dir, tried[1]), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := absent([]string{dir}); r.Errors != 1 {
		t.Errorf("got %+v, expected an error for the name that is there", r)
	}
}

// The shapes hold the same tree, whatever the layers.
func TestTree(t *testing.T) {
	for _, shape := range []string{everyLayer, ownLayer} {
		t.Run(shape, func(t *testing.T) {
			dir := t.TempDir()
			if err := writeTree([]string{dir, "3", shape, "60", "4", "100"}); err != nil {
				t.Fatal(err)
			}
			files, dirs := map[string]int{}, map[string]int{}
			for _, layer := range []string{"layer-000.tar", "layer-001.tar", "layer-002.tar"} {
				f, err := os.Open(filepath.Join(dir, layer))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				for r := tar.NewReader(f); ; {
					h, err := r.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					switch {
					case strings.Contains(h.Name, "/dir-") && h.Typeflag == tar.TypeDir:
						dirs[h.Name]++
					case h.Typeflag == tar.TypeReg && h.Size == 100:
						files[h.Name]++
					}
				}
			}
			times := map[string]int{everyLayer: 3, ownLayer: 1}[shape]
			if len(files) != 240 || len(dirs) != 60 {
				t.Errorf("got %d files in %d directories, expected 240 in 60", len(files), len(dirs))
			}
			for name, n := range dirs {
				if n != times {
					t.Errorf("directory %q is in %d layers, expected %d", name, n, times)
				}
			}
			for name, n := range files {
				if n != 1 {
					t.Errorf("file %q is in %d layers", name, n)
				}
			}
		})
	}
}
