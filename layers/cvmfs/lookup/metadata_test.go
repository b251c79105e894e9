package lookup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// record is one object of layers.json without its size.
func record(d, diffID digest.Digest, more string) string {
	return fmt.Sprintf(`{"compressed-diff-digest":%q,"diff-digest":%q%s}`, d, diffID, more)
}

func TestCheckMetadata(t *testing.T) {
	layerB, diffB := digest.FromString("blob B"), digest.FromString("tar B")
	for _, tc := range []struct {
		name, text string
		size       int64
		wantErr    string // "" for none
	}{
		{"complete", "[" + record(layerA, diffA, `,"diff-size":10240`) + "]", 10240, ""},
		{"no size", "[" + record(layerA, diffA, "") + "]", -1, ""},
		{"unknown fields", "[" + record(layerA, diffA, `,"diff-size":1,"new":[1]`) + "]", 1, ""},
		{"size of an unnamed tar", fmt.Sprintf(`[{"compressed-diff-digest":%q,"diff-size":10240}]`, layerA), -1, ""},
		{"nothing stated", "[{}]", -1, ""},
		{"other layer", "[" + record(layerB, diffA, "") + "]", 0, layerB.String()},
		{"other diffID", "[" + record(layerA, diffB, "") + "]", 0, diffB.String()},
		{"digests swapped", "[" + record(diffA, layerA, "") + "]", 0, diffA.String()},
		{"negative size", "[" + record(layerA, diffA, `,"diff-size":-1`) + "]", 0, "-1"},
		{"a size that overflows", "[" + record(layerA, diffA, `,"diff-size":9223372036854775807`) + "]", 0, "9223372036854775807"},
		{"size is text", "[" + record(layerA, diffA, `,"diff-size":"1"`) + "]", 0, "json"},
		{"empty array", "[]", 0, "0 records"},
		{"two records", "[" + record(layerA, diffA, "") + "," + record(layerA, diffA, "") + "]", 0, "2 records"},
		{"object", record(layerA, diffA, ""), 0, "json"},
		{"null", "null", 0, "0 records"},
		{"empty", "", 0, "JSON"},
		{"truncated", "[" + record(layerA, diffA, ""), 0, "JSON"},
		{"trailing text", "[" + record(layerA, diffA, "") + "] x", 0, "invalid character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			size, err := checkMetadata([]byte(tc.text), layerA, diffA)
			if tc.wantErr == "" {
				if err != nil || size != tc.size {
					t.Errorf("got %d, %v, want %d", size, err, tc.size)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("got %d, %v, want an error that says %q", size, err, tc.wantErr)
			}
		})
	}
}

func TestFindRefusesMetadata(t *testing.T) {
	good := "[" + record(layerA, diffA, "") + "]"
	for _, tc := range []struct {
		name string
		make func(t *testing.T, file string)
	}{
		{"of another layer", func(t *testing.T, file string) { write(t, file, "["+record(diffA, diffA, "")+"]") }},
		{"malformed", func(t *testing.T, file string) { write(t, file, "{") }},
		{"too long", func(t *testing.T, file string) { write(t, file, good+strings.Repeat(" ", maxMetadata)) }},
		{"directory", func(t *testing.T, file string) { mkdir(t, file, 0o755) }},
		{"symbolic link", func(t *testing.T, file string) {
			write(t, file+".real", good)
			symlink(t, file+".real", file)
		}},
		{"FIFO", func(t *testing.T, file string) {
			mkdir(t, filepath.Dir(file), 0o755)
			if err := unix.Mkfifo(file, 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{"its directory is a file", func(t *testing.T, file string) { write(t, filepath.Dir(file), "") }},
		{"its directory is a link", func(t *testing.T, file string) {
			elsewhere := t.TempDir()
			write(t, filepath.Join(elsewhere, filepath.Base(file)), good)
			symlink(t, elsewhere, filepath.Dir(file))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := repo(t)
			dir := filepath.Dir(publish(t, root, ""))
			tc.make(t, filepath.Join(dir, cvmfs.MetadataDir, cvmfs.LayerMetadataFile))
			f := New([]string{root}, time.Minute)
			warned := warnings(f)
			_, err := f.Find(context.Background(), layerA, diffA)
			if !errors.Is(err, cvmfs.ErrMismatch) || !errors.Is(err, cvmfs.ErrLayerUnknown) || errors.Is(err, cvmfs.ErrUnavailable) {
				t.Fatalf("got %v, want the directory refused", err)
			}
			if len(*warned) != 1 || !strings.Contains((*warned)[0], dir) {
				t.Errorf("want one warning that names %q, got %q", dir, *warned)
			}
		})
	}
}

func FuzzCheckMetadata(f *testing.F) {
	f.Add([]byte("[" + record(layerA, diffA, `,"diff-size":10240,"created":"2024-01-02T03:04:05Z"`) + "]"))
	f.Add([]byte(`[{}]`))
	f.Add([]byte(`[{"diff-size":-9223372036854775808}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		size, err := checkMetadata(data, layerA, diffA)
		if err == nil && size != -1 && size <= 0 {
			t.Errorf("accepted a size of %d", size)
		}
		if err != nil {
			return
		}
		// Read again as plain maps: what a record states must be the layer's.
		var records []map[string]any
		numbers := json.NewDecoder(bytes.NewReader(data))
		numbers.UseNumber() // of any size, in fields that nobody reads
		if err := numbers.Decode(&records); err != nil || len(records) != 1 {
			t.Fatalf("accepted %q: %v", data, err)
		}
		for name, value := range records[0] {
			switch {
			case name == "compressed-diff-digest" && value != "" && value != nil && value != layerA.String(),
				name == "diff-digest" && value != "" && value != nil && value != diffA.String():
				t.Errorf("accepted %s %v", name, value)
			}
		}
	})
}

// No digest, whatever it says, leads out of the repository.
func FuzzFindDigest(f *testing.F) {
	for _, seed := range []string{layerA.String(), "sha256:..", "sha256:../../etc/passwd", "sha256:", "md5:00", "sha256:" + strings.Repeat("\x00", 64)} {
		f.Add(seed)
	}
	root := f.TempDir()
	if err := os.MkdirAll(filepath.Join(root, cvmfs.LayersDir), 0o755); err != nil {
		f.Fatal(err)
	}
	finder := New([]string{root}, time.Minute)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := finder.Find(context.Background(), digest.Digest(text), diffA)
		switch {
		case errors.Is(err, cvmfs.ErrInvalidDigest):
		case errors.Is(err, cvmfs.ErrLayerUnknown):
			if hex, ok := strings.CutPrefix(text, "sha256:"); !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
				t.Errorf("%q reached the repository", text)
			}
		default:
			t.Errorf("%q: %v", text, err)
		}
	})
}
