package storage

// newRecord returns the record of an image's layer, to be filled in. In storage
// 1.51 a flag says which of two files it is saved to. In storage 1.62 there are
// three, and a location for each.
func (r *layerStore) newRecord(id string) *Layer {
	return &Layer{ID: id}
}

// deleteWhileHoldingLock is Delete: in storage 1.62 that leaves files for the
// caller to remove without a lock, and this method does all of it.
func (r *layerStore) deleteWhileHoldingLock(id string) error {
	return r.Delete(id)
}
