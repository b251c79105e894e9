package view

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

func TestExplain(t *testing.T) {
	layers := []string{layerPath("/cvmfs/a", "1"), layerPath("/cvmfs/a", "2"), "/odd", layerPath("/cvmfs/b", "1")}
	for _, tc := range []struct {
		name   string
		err    error
		layers []string
		want   string // what it says more, nothing if it is left as it is
	}{
		{"a call's", fmt.Errorf("unable to find user 0: %w", unix.EIO), layers, "servers"},
		{"a runtime's", errors.New("crun: open executable: Transport endpoint is not connected"), layers, "restart"},
		{"another runtime's", errors.New("exec: stale file handle"), layers, "restart"},
		{"of nothing remote", unix.EIO, nil, ""},
		{"of a damaged record", unix.EIO, []string{"/odd"}, ""},
		{"no outage", unix.ENOENT, layers, ""},
		{"said already", fmt.Errorf("%w: %w", cvmfs.ErrUnavailable, unix.EIO), layers, ""},
		{"none", nil, layers, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Explain(tc.err, tc.layers)
			if tc.want == "" {
				if got != tc.err {
					t.Errorf("got %v, want %v", got, tc.err)
				}
				return
			}
			if !errors.Is(got, tc.err) || !errors.Is(got, cvmfs.ErrUnavailable) {
				t.Errorf("%v is not %v and an outage", got, tc.err)
			}
			for _, want := range []string{`repository "/cvmfs/a", "/cvmfs/b": `, tc.err.Error(), tc.want} {
				if !strings.Contains(got.Error(), want) {
					t.Errorf("%q does not say %q", got, want)
				}
			}
		})
	}
}
