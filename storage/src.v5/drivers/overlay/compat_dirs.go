//go:build linux

package overlay

// layerDirs returns the directory with the record of layer id, the one with its
// "diff" and "work", and whether it is in an additional store. In storage 1.62 an
// image store holds whole layers, and dir2 finds them as in an additional store.
// In storage 1.51 it holds "diff" and "work" only.
func (d *Driver) layerDirs(id string) (dir, content string, inAdditionalStore bool) {
	dir, _, inAdditionalStore = d.dir2(id, false)
	return dir, dir, inAdditionalStore
}

// additionalAsLower says whether a layer of an additional store is mounted as a
// lower of an empty directory: in storage 1.62 Get mounts it in the run directory.
const additionalAsLower = false

// redirectDiff finds the contents that a "diff" path leads to, whether or not they
// exist. In storage 1.51 upstream's function does not have the second argument.
func redirectDiff(diff string) (string, error) {
	return redirectDiffIfAdditionalLayer(diff, false)
}
