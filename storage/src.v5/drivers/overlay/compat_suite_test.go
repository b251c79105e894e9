//go:build linux

package overlay

import graphdriver "go.podman.io/storage/drivers"

// ApplyDiff has no parent in this version: upstream's drivers do not use it.
func (d *remoteDriver) ApplyDiff(id string, options graphdriver.ApplyDiffOpts) (int64, error) {
	size, err := d.Driver.ApplyDiff(id, options)
	return d.applied(id, size, err)
}
