//go:build !remote
// +build !remote

package libimage

import "slices"

// pulledID returns which of the images with one manifest a pull has given its name to, or all if that cannot be told.
// An image with remote layers has the manifest of the ordinary one, and the store may have both. Later versions of
// containers/image say which image a copy has made.
func (r *Runtime) pulledID(ids []string, name string) []string {
	for _, id := range ids {
		if names, err := r.store.Names(id); err == nil && slices.Contains(names, name) {
			return []string{id}
		}
	}
	return ids
}
