//go:build linux

package overlay

import graphdriver "go.podman.io/storage/drivers"

// ApplyDiff has a parent in this version, which upstream's drivers do not use.
func (d *remoteDriver) ApplyDiff(id, parent string, options graphdriver.ApplyDiffOpts) (int64, error) {
	size, err := d.Driver.ApplyDiff(id, parent, options)
	return d.applied(id, size, err)
}
