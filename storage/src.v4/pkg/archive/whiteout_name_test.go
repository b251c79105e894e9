package archive

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A whiteout deletes what lies in its directory, never the directory.
func TestWhiteoutNames(t *testing.T) {
	for _, tc := range []struct {
		name, whiteout, gone string
		refused              bool
	}{
		{"of a file", "sub/.wh.file", "sub/file", false},
		{"of a name with dots", "sub/.wh...a", "sub/..a", false},
		{"of nothing", "sub/.wh.", "", true},
		{"of nothing in the root", ".wh.", "", true},
		{"of the directory", "sub/.wh..", "", true},
		{"of the directory above", "sub/.wh...", "", true},
		{"of what is above the root", ".wh...", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			top := t.TempDir()
			there := []string{"beside", "dest/file", "dest/sub/file", "dest/sub/..a"}
			for _, name := range there {
				path := filepath.Join(top, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			layer := bytes.Buffer{}
			w := tar.NewWriter(&layer)
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: tc.whiteout}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := ApplyLayer(filepath.Join(top, "dest"), &layer); (err != nil) != tc.refused {
				t.Errorf("applying the layer: %v", err)
			}
			for _, name := range there {
				_, err := os.Lstat(filepath.Join(top, name))
				if gone := "dest/"+tc.gone == name; gone != (err != nil) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
