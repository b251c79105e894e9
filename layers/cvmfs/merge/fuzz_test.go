package merge

import (
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/whiteout"
)

// Whatever layers list, also a name twice, the merged directory is in order:
// names sorted and unique, no markers, layers from the top. That it is the
// right one is what package view/server's FuzzRequests is about.
func FuzzDirectory(f *testing.F) {
	f.Add("a d/ .wh.b\nb d/ .wh..wh..opq\n!a d/ plain: e?")
	f.Add("d/ d/ d\nd/ d/")
	f.Add("overlay: !d .wh.a opaque:\n.cvmfscatalog/ .cvmfsautocatalog")
	f.Fuzz(func(t *testing.T, text string) {
		var listings []Listing
		for i, line := range strings.Split(text, "\n") {
			listings = append(listings, parse(i, line))
			for _, at := range Deletes(listings[i].Entries) {
				if e := listings[i].Entries[at]; e.Type != Dir {
					t.Errorf("%+v need not be looked into", e)
				}
			}
		}
		children, _ := Directory(listings)
		for i, c := range children {
			if i > 0 && children[i-1].Name >= c.Name {
				t.Errorf("%q comes after %q", c.Name, children[i-1].Name)
			}
			kind, _, _ := whiteout.Parse(c.Name)
			if kind != whiteout.Entry && !listings[c.Layer].Overlay {
				t.Errorf("%q of layer %d shows", c.Name, c.Layer)
			}
			if c.Type != Dir && (len(c.Lower) > 0 || c.Opaque) {
				t.Errorf("%+v merges", c)
			}
			for j, above := range append([]int{c.Layer}, c.Lower...) {
				if j < len(c.Lower) && c.Lower[j] <= above {
					t.Errorf("%+v: layer %d is beneath %d", c, c.Lower[j], above)
				}
			}
		}
	})
}
