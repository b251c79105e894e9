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

func TestReport(t *testing.T) {
	in := `{"part":"p","measure":"walk","variant":"served","unit":"s","value":4}
		{"part":"p","measure":"walk","variant":"served","unit":"s","value":3}
		{"part":"p","measure":"walk","variant":"served","unit":"s","value":8}
		{"part":"p","measure":"walk","variant":"local","unit":"s","value":2}
		{"part":"p","measure":"memory","variant":"served","unit":"MB","value":4.5}`
	var out strings.Builder
	if err := report(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"|        | local                 | served           |\n", // local leads, wherever it came
		"| walk   | 2.000 s (2.000-2.000) | 2.00 (1.50-4.00) |\n",
		"| memory | -                     | 4.50 MB          |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	if err := report(strings.NewReader(`{"part":`), &out); err == nil {
		t.Error("a record that breaks off was reported")
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, spread{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9, 4}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spread of %v: got %+v, expected %+v", test.values, got, test.want)
		}
	}
}
