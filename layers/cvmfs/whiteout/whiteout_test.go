package whiteout

import (
	"errors"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, target string
		kind         Kind
		invalid      bool
	}{
		{name: "etc", kind: Entry},
		{name: ".wh", kind: Entry},
		{name: ".whx", kind: Entry},
		{name: "a.wh.b", kind: Entry},
		{name: ".wh.foo", kind: Whiteout, target: "foo"},
		{name: ".wh..foo", kind: Whiteout, target: ".foo"},
		{name: ".wh....", kind: Whiteout, target: "..."},
		{name: ".wh.a\nb", kind: Whiteout, target: "a\nb"},
		{name: ".wh.\xff", kind: Whiteout, target: "\xff"},
		{name: ".wh..wh..opq", kind: Opaque},
		{name: ".wh..wh.plnk", kind: Internal},
		{name: ".wh..wh.aufs", kind: Internal},
		{name: ".wh..wh..opqx", kind: Internal},
		{name: ".wh.", kind: Internal, invalid: true},
		{name: ".wh..", kind: Internal, invalid: true},
		{name: ".wh...", kind: Internal, invalid: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, target, err := Parse(c.name)
			if kind != c.kind || target != c.target {
				t.Errorf("Parse(%q) = %v %q, want %v %q", c.name, kind, target, c.kind, c.target)
			}
			if got := errors.Is(err, cvmfs.ErrInvalidWhiteout); got != c.invalid {
				t.Errorf("Parse(%q) error = %v, want invalid = %v", c.name, err, c.invalid)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(".wh.foo")
	f.Add(".wh..wh..opq")
	f.Fuzz(func(t *testing.T, name string) {
		kind, target, err := Parse(name)
		if (kind == Entry) != !strings.HasPrefix(name, ".wh.") {
			t.Errorf("Parse(%q) = %v: a marker and only a marker has the prefix", name, kind)
		}
		if kind == Whiteout && (err != nil || ".wh."+target != name || target == "." || target == "..") {
			t.Errorf("Parse(%q) = whiteout of %q, %v", name, target, err)
		}
	})
}
