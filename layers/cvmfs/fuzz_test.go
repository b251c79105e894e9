package cvmfs

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// A digest is refused or names one directory, of one layer, below .layers.
func FuzzLayerDir(f *testing.F) {
	f.Add("sha256:" + hex)
	f.Add("sha256:../" + hex)
	f.Add("sha512:" + hex + hex)
	f.Add("sha256:" + strings.ToUpper(hex))
	f.Fuzz(func(t *testing.T, text string) {
		dir, err := LayerDir(digest.Digest(text))
		if err != nil {
			if dir != "" {
				t.Errorf("%q: %q beside %v", text, dir, err)
			}
			return
		}
		_, d, err := SplitLayerPath("/r/" + dir + "/" + LayerFS)
		if err != nil || string(d) != text || filepath.Clean(dir) != dir || !filepath.IsLocal(dir) {
			t.Errorf("%q became %q, and that %q, %v", text, dir, d, err)
		}
	})
}

// What a store records of a layer is read as it was written, and never the path:
// that is recorded elsewhere, and checked there.
func FuzzLayerRecord(f *testing.F) {
	f.Add([]byte(`{"diff-size":10240,"repository":"r.example.org","revision":7,"root-hash":"ab","catalog-hash":"cd"}`))
	f.Add([]byte(`{"path":"/etc","Path":"/etc","diff-size":-1}`))
	f.Add([]byte(`{"revision":-1}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		l := Layer{Path: "/r"}
		if json.Unmarshal(record, &l) != nil {
			return
		}
		if l.Path != "/r" || l.StoredSize() < 0 {
			t.Errorf("%s: %+v", record, l)
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		got := Layer{Path: "/r"}
		if err := json.Unmarshal(again, &got); err != nil || got != l {
			t.Errorf("%+v became %+v, %v", l, got, err)
		}
	})
}
