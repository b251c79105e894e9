package merge

import (
	"fmt"
	"strings"
	"testing"
)

// parse reads "a b/ .wh.c !d e?" as one layer's listing: a slash is a directory,
// an exclamation mark a 0:0 device, a question mark a directory of markers
// only. "overlay:" makes it one in overlayfs's form, "plain:" one that is in no
// repository, "opaque:" an opaque one.
func parse(layer int, s string) Listing {
	l := Listing{Layer: layer}
	for _, name := range strings.Fields(s) {
		switch {
		case name == "overlay:":
			l.Overlay = true
		case name == "plain:":
			l.Plain = true
		case name == "opaque:":
			l.Opaque = true
		case strings.HasSuffix(name, "?"):
			l.Entries = append(l.Entries, Entry{Name: strings.TrimSuffix(name, "?"), Type: Hollow})
		case strings.HasSuffix(name, "/"):
			l.Entries = append(l.Entries, Entry{Name: strings.TrimSuffix(name, "/"), Type: Dir})
		case strings.HasPrefix(name, "!"):
			l.Entries = append(l.Entries, Entry{Name: name[1:], Type: Deleted})
		default:
			l.Entries = append(l.Entries, Entry{Name: name})
		}
	}
	return l
}

func format(children []Child, opaque bool) string {
	var out []string
	for _, c := range children {
		switch {
		case c.Type == Deleted:
			out = append(out, "!"+c.Name)
		case c.Type == Dir:
			s := fmt.Sprintf("%s/%d", c.Name, c.Layer)
			for _, l := range c.Lower {
				s += fmt.Sprintf("+%d", l)
			}
			if c.Opaque {
				s += "=" // nothing beneath the stack shows
			}
			out = append(out, s)
		default:
			out = append(out, fmt.Sprintf("%s@%d", c.Name, c.Layer))
		}
	}
	if opaque {
		out = append(out, "OPAQUE")
	}
	return strings.Join(out, " ")
}

func TestDirectory(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []string // topmost first
		want   string
	}{
		{"nothing", nil, ""},
		{"one layer", []string{"b a d/"}, "a@0 b@0 d/0"},
		{"the upper file wins", []string{"a", "a b"}, "a@0 b@1"},
		{"directories merge", []string{"d/", "d/", "d/"}, "d/0+1+2"},
		{"catalogue markers are no content", []string{".cvmfscatalog a", ".cvmfscatalog"}, "a@0"},
		{"also where the server made it by itself", []string{".cvmfsautocatalog .cvmfscatalog a", "a"}, "a@0"},
		{"lists of bundles are none either", []string{".cvmfsbundle-a .cvmfsbundle- a", ".cvmfsbundle"}, ".cvmfsbundle@1 a@0"},
		{"a directory of that name is content", []string{".cvmfscatalog/"}, ".cvmfscatalog/0"},
		{"outside of a repository they are content", []string{"plain: .cvmfscatalog .wh.a", "a"}, ".cvmfscatalog@0 !a"},
		{"a whiteout deletes below", []string{".wh.a", "a b"}, "!a b@1"},
		{"and reaches through", []string{".wh.a", "b"}, "!a b@1"},
		{"not in its own layer", []string{".wh.a a", "a"}, "a@0"},
		{"not in its own layer, marker last", []string{"a .wh.a", "a"}, "a@0"},
		{"nor above", []string{"a", ".wh.a", "a"}, "a@0"},
		{"deleted, then added again", []string{"d/", ".wh.d", "d/"}, "d/0="},
		{"a directory takes the place of its own layer's whiteout", []string{"d/ .wh.d", "d/"}, "d/0+1"},
		{"also below a merged directory", []string{"d/", "d/ .wh.d", "d/"}, "d/0+1+2"},
		{"a file takes it too", []string{".wh.a a", "a/", "a/"}, "a@0"},
		{"a directory of markers only does not", []string{".wh.d d?", "d/"}, "!d"},
		{"nor below a merged one", []string{"d/", "d? .wh.d", "d/"}, "d/0="},
		{"a file over a directory", []string{"a", "a/", "a/"}, "a@0"},
		{"a directory over a file", []string{"a/", "a"}, "a/0="},
		{"a file ends the merge", []string{"a/", "a", "a/"}, "a/0="},
		{"opaque hides lower layers", []string{".wh..wh..opq a", "b d/"}, "a@0 OPAQUE"},
		{"opaque keeps its own", []string{"a d/ .wh..wh..opq", "a d/"}, "a@0 d/0 OPAQUE"},
		{"opaque in the middle", []string{"x d/", ".wh..wh..opq y d/", "z d/"}, "d/0+1 x@0 y@1 OPAQUE"},
		{"AUFS internals are hidden", []string{".wh..wh.plnk .wh..wh.aufs a"}, "a@0"},
		{"invalid whiteouts are hidden", []string{".wh. .wh.. .wh...", "a"}, "a@1"},
		{"markers may be of any type", []string{".wh.a/ !.wh.b .wh.c? d/ !.wh..wh.plnk .wh..wh..opq/", "a b c x"}, "!a !b !c d/0 OPAQUE"},
		{"also 0:0 devices", []string{"!.wh..wh..opq !.wh.a a", "a b"}, "a@0 OPAQUE"},
		{"overlayfs's own whiteout", []string{"!a", "a"}, "!a"},
		{"overlayfs's own whiteout under a directory", []string{"a/", "!a", "a/"}, "a/0="},
		{
			"overlayfs's form has no markers",
			[]string{"overlay: plain: .wh.a .wh..wh..opq .cvmfscatalog", "a"},
			".cvmfscatalog@0 .wh..wh..opq@0 .wh.a@0 a@1",
		},
		{"overlayfs's form of opaque", []string{"overlay: opaque: a d/", "b d/"}, "a@0 d/0 OPAQUE"},
		{"overlayfs's form above and below", []string{"x", "overlay: !a d/", "a d/"}, "!a d/1+2 x@0"},
		{"a name that is listed twice", []string{"d/ d/ d a a/", "d/ d/"}, "a@0 d/0+1"},
		{"a whiteout of what never was", []string{".wh.never", ""}, "!never"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var listings []Listing
			for i, s := range c.layers {
				listings = append(listings, parse(i, s))
			}
			if got := format(Directory(listings)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDeletes(t *testing.T) {
	for s, want := range map[string]string{
		"":                               "[]",
		"d/ e/ f":                        "[]",
		".wh.d .wh.f d/ e/ f":            "[2]",
		"e/ d/ .wh.d .wh.e .wh..wh..opq": "[0 1]",
	} {
		if got := fmt.Sprint(Deletes(parse(0, s).Entries)); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}
