//go:build linux

package overlay

import "os"

// rootPerms is the mode of the root of a new layer on top of parent, as create
// has it; unpacking a tar does not change it. In storage 1.62, where force_mask
// keeps a layer's true mode in an extended attribute, getLayerPermissions finds
// it. In storage 1.51 create does so itself.
func (d *Driver) rootPerms(parent string) (os.FileMode, error) {
	_, st, _, err := d.getLayerPermissions(parent, nil, nil)
	return st.Mode.Perm(), err
}
