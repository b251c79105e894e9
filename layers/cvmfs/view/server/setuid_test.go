package server

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// Where the owners of files are not known, all are shown as root's: then no file may
// run as its owner or group, unless the site says so. Directories and files whose
// owner is known keep their bits.
func TestSetuid(t *testing.T) {
	const set = unix.S_ISUID | unix.S_ISGID
	for _, tc := range []struct {
		name   string
		layer  spec.Layer
		setuid bool
		kept   bool
	}{
		{"a repository's", spec.Layer{}, false, false},
		{"a repository's, setuid = true", spec.Layer{}, true, true},
		{"a repository's, in overlayfs's form", spec.Layer{Overlay: true}, false, true},
		{"a store's", spec.Layer{Store: true}, false, true},
		{"a store's of another account", spec.Layer{Store: true, Unowned: true}, false, false},
		{"the same, setuid = true", spec.Layer{Store: true, Unowned: true}, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, path := layerOf(t)
			modes := map[string]uint32{
				"setuid": unix.S_ISUID | 0o755, "setgid": unix.S_ISGID | 0o755, "both": set | unix.S_ISVTX | 0o711,
				"noexec": set | 0o644, "directory": set | unix.S_ISVTX | 0o777,
			}
			for name, mode := range modes {
				file := filepath.Join(path, name)
				if name == "directory" {
					must(t, os.Mkdir(file, 0o700))
				} else {
					must(t, os.WriteFile(file, []byte("x"), 0o600))
				}
				must(t, unix.Chmod(file, mode))
			}
			tc.layer.Path = path
			v, err := New(spec.Spec{Layers: []spec.Layer{tc.layer}, Setuid: tc.setuid}, 16)
			must(t, err)
			defer v.close()
			for name, want := range modes {
				if name != "directory" && !tc.kept {
					want &^= set
				}
				out, status := lookUp(v, fuse.FUSE_ROOT_ID, name)
				var again fuse.AttrOut
				v.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: out.NodeId}}, &again)
				if !status.Ok() || out.Mode&0o7777 != want || again.Mode != out.Mode {
					t.Errorf("%s: %v, mode %o, then %o, want %o", name, status, out.Mode, again.Mode, want)
				}
			}
		})
	}
}
