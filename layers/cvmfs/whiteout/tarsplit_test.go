package whiteout

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"
)

func TestOpaqueDirs(t *testing.T) {
	zip := func(s string) *bytes.Buffer {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return &b
	}
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
