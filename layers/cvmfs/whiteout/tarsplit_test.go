package whiteout

import (
	"bytes"
	"compress/gzip"
	"errors"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func zip(s string) *bytes.Buffer {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return &b
}

func TestOpaqueDirs(t *testing.T) {
	records := `{"type":2,"payload":"YQ==","position":0}
		{"type":1,"name":"./.wh..wh..opq","position":1}
		{"type":1,"name":"./data/.wh..wh..opq","size":0,"payload":"AAAAAAAAAAA=","position":2}
		{"type":1,"name":"data/.wh.gone","position":3}
		{"type":1,"name":"/a/b/.wh..wh..opq","position":4}
		{"type":1,"name":"../../c/.wh..wh..opq","position":5}
		{"type":1,"name_raw":"/2QvLndoLi53aC4ub3Bx","position":6}
		{"type":2,"name":"x/.wh..wh..opq","position":7}`
	dirs, err := OpaqueDirs(zip(records))
	if want := []string{"data", "a/b", "c", "\xffd"}; err != nil || !slices.Equal(dirs, want) {
		t.Errorf("OpaqueDirs = %q, %v, want %q", dirs, err, want)
	}
	if dirs, err := OpaqueDirs(zip("")); len(dirs) != 0 || err != nil {
		t.Errorf("OpaqueDirs of nothing = %q, %v", dirs, err)
	}
	cut := zip(records + strings.Repeat(" ", 1<<16))
	cut.Truncate(cut.Len() - 5)
	for name, bad := range map[string]*bytes.Buffer{"no gzip": bytes.NewBufferString("{}"), "no JSON": zip("{]"), "cut short": cut} {
		if _, err := OpaqueDirs(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// What another account's store holds is read up to a limit, whatever it unzips to.
func TestOpaqueDirsLimits(t *testing.T) {
	name := func(dir string) string { return `{"type":1,"name":"` + dir + `/.wh..wh..opq"}` + "\n" }
	l := limits{record: 4000, all: 20_000, dirs: 100}
	for what, c := range map[string]struct {
		text string
		want string // "" for no error
	}{
		"in order":        {strings.Repeat(name("d"), 20) + strings.Repeat(`{"type":2}`, 500), ""},
		"a long record":   {name(strings.Repeat("d", 8000)), "a record of more than 4000"},
		"no end":          {`{"type":2,"payload":"` + strings.Repeat("A", 15_000), "a record of more than 4000"},
		"space":           {strings.Repeat(" ", 5000), "a record of more than 4000"},
		"many records":    {strings.Repeat(`{"type":2}`, 3000), "more than 20000"},
		"many names":      {strings.Repeat(name("directory"), 50), "of more than 100"},
		"more than a MiB": {strings.Repeat(`{"type":2}`+strings.Repeat(" ", 2000), 600), "more than 20000"},
	} {
		t.Run(what, func(t *testing.T) {
			dirs, err := l.opaqueDirs(zip(c.text))
			if c.want == "" && (err != nil || len(dirs) != 20) || c.want != "" && (!errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %q, %v, want an error that says %q", dirs, err, c.want)
			}
		})
	}
	// A bomb: memory stays bounded.
	var bomb bytes.Buffer
	w, _ := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	_, _ = w.Write([]byte(`{"type":2,"payload":"`))
	for range 20 {
		_, _ = w.Write(bytes.Repeat([]byte("A"), 1<<20))
	}
	_ = w.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := OpaqueDirs(&bomb)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTooLong) {
		t.Errorf("a record of 20 MB: %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 40<<20 {
		t.Errorf("%d bytes were taken for it", took)
	}
}

// Directories that are said to be opaque are below the layer, and each is told by a record.
func FuzzOpaqueDirs(f *testing.F) {
	f.Add([]byte(`{"type":1,"name":"./data/.wh..wh..opq"}`), false)
	f.Add([]byte(`{"type":1,"name_raw":"/2QvLndoLi53aC4ub3Bx"}{"type":2,"payload":"YQ=="}`), false)
	f.Add([]byte(`{"type":1,"name":"../../.wh..wh..opq"}`), false)
	f.Add(zip(`{"type":1,"name":"a/.wh..wh..opq"}`).Bytes(), true)
	l := limits{record: 1 << 16, all: 1 << 20, dirs: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte, zipped bool) {
		if !zipped {
			data = zip(string(data)).Bytes()
		}
		dirs, err := l.opaqueDirs(bytes.NewReader(data))
		if err != nil && dirs != nil {
			t.Errorf("%q beside %v", dirs, err)
		}
		for _, dir := range dirs {
			if dir == "" || path.Clean("/"+dir) != "/"+dir {
				t.Errorf("%q is no directory below the root", dir)
			}
		}
	})
}
