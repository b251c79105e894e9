package storage

// newRecord returns the record of an image's layer, to be filled in. In storage
// 1.62 it says to which of three files it is saved, one of them in an image
// store. In storage 1.51 there are two, and a flag for the second.
func (r *layerStore) newRecord(id string) *Layer {
	return &Layer{ID: id, location: r.pickStoreLocation(false, false)}
}
