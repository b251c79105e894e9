//go:build linux

package overlay

import "os"

// rootPerms is the mode of the root of a new layer on top of parent, as create
// has it; unpacking a tar does not change it. In storage 1.51 create finds it
// itself. In storage 1.62, where force_mask keeps a layer's true mode in an
// extended attribute, getLayerPermissions does.
func (d *Driver) rootPerms(parent string) (os.FileMode, error) {
	if parent != "" {
		dir, content, _ := d.layerDirs(parent)
		st, err := statRoot(dir, content)
		return os.FileMode(st.Mode()).Perm(), err
	}
	if d.options.forceMask != nil {
		return *d.options.forceMask, nil
	}
	return defaultPerms, nil
}
