package lookup

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
)

// Whatever is asked, the answer is about something below the repository, and
// crosses to the one who asks as it is.
func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"number":1,"digest":"` + layerA.String() + `","diff-id":"` + diffA.String() + `"}`))
	f.Add([]byte(`{"digest":""}`))
	f.Add([]byte(`{"digest":"sha256:../../../etc","diff-id":"\u0000"}`))
	root := f.TempDir()
	dir, err := cvmfs.LayerDir(layerA)
	if err != nil {
		f.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, dir, cvmfs.LayerFS), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var q question
		if json.Unmarshal(data, &q) != nil {
			return
		}
		a := look(root, q.Digest, q.DiffID)
		switch {
		case a.err == nil && q.Digest != "" && a.layer.Path != filepath.Join(root, dir, cvmfs.LayerFS),
			a.err == nil && q.Digest == "" && a.layer.Path != root,
			a.directory != "" && !strings.HasPrefix(a.directory, filepath.Join(root, cvmfs.LayersDir)+"/"),
			a.err == nil && q.Digest != "" && q.Digest != layerA:
			t.Errorf("asked for %q, got %+v", q.Digest, a)
		}
		crossed, err := json.Marshal(reply{Number: q.Number, Path: a.layer.Path, Layer: a.layer, Error: helper.NewError(a.err), Directory: a.directory})
		if err != nil {
			t.Fatal(err)
		}
		got := deliverOne(t, crossed, q.Number)
		if got == nil || got.layer != a.layer || got.directory != a.directory || (got.err == nil) != (a.err == nil) ||
			errors.Is(got.err, cvmfs.ErrLayerUnknown) != errors.Is(a.err, cvmfs.ErrLayerUnknown) ||
			errors.Is(got.err, cvmfs.ErrUnavailable) != errors.Is(a.err, cvmfs.ErrUnavailable) {
			t.Errorf("%+v became %+v", a, got)
		}
	})
}

// deliverOne gives the answer that comes to a question, nil if none does.
func deliverOne(t *testing.T, said []byte, number uint64) *answer {
	t.Helper()
	ch := make(chan answer, 1)
	p := &process{waiting: map[uint64]chan answer{number: ch}}
	p.deliver(bytes.NewReader(said))
	if len(ch) == 0 {
		return nil
	}
	a := <-ch
	return &a
}

// Whatever a child says, no question has two answers, and an answer without
// an error is one that the child gave.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"number":1,"path":"/r/x","layer":{"diff-size":3,"repository":"r","revision":2}}`))
	f.Add([]byte(`{"number":1,"error":{"class":"unknown","error":"no"},"directory":"/r"}` + "\n" + `{"number":1}`))
	f.Add([]byte("{\"number\":1\n}"))
	f.Add([]byte(`{"number":1,"error":null}{"number":2}`))
	f.Fuzz(func(t *testing.T, said []byte) {
		got := deliverOne(t, said, 1)
		if got != nil && got.err == nil && !bytes.Contains(said, []byte("1")) {
			t.Errorf("%q is an answer to question 1: %+v", said, got)
		}
	})
}

// A reply longer than any is the end of the child that gives it.
func TestReplyTooLong(t *testing.T) {
	long := `{"number":1,"path":"` + strings.Repeat("x", maxReply) + `"}`
	if got := deliverOne(t, []byte(long), 1); got != nil {
		t.Error("a reply of more than a megabyte was taken")
	}
	if got := deliverOne(t, []byte(long[:20]+long[maxReply/2:]), 1); got == nil {
		t.Error("a reply of half a megabyte was not taken")
	}
}
