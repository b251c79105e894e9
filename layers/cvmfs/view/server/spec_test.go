package server

import (
	"encoding/json"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// Whatever is asked for, there is a view or an error, and no descriptor is left.
func FuzzSpec(f *testing.F) {
	good, err := json.Marshal(spec.Spec{
		Layers: []spec.Layer{{Path: f.TempDir(), Store: true, Overlay: true, Opaque: []string{"a"}}},
		Below:  []string{f.TempDir()}, UIDs: []spec.Range{{From: 0, To: 1, Size: 2}}, Xattrs: true,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"layers":[{"path":"/nowhere"},{"path":"/","store":true},{"path":""}]}`))
	f.Add([]byte(`{"layers":[{"path":"/proc/self/fd/0","store":true}],"below":["relative","/etc/passwd"]}`))
	f.Add([]byte(`{"layers":[{"path":"/","store":true}],"below":["/nowhere"]}`))
	f.Add([]byte(`{"layers":[]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var s spec.Spec
		if json.Unmarshal(doc, &s) != nil || len(s.Layers) > 100 {
			return
		}
		before := openFiles(t)
		v, err := New(s, 8)
		if err == nil {
			var out fuse.AttrOut
			if got := v.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID}}, &out); got != fuse.OK {
				t.Errorf("the root has no attributes: %v", got)
			}
			(&subject{View: v}).close()
		}
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors were open, %d are: %v", before, after, err)
		}
	})
}
