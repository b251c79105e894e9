package storage

// additionalLayer finds a layer of an additional store. In storage 1.62 MountImage
// has looked it up in all stores; in storage 1.51 it knows only the ID. Requires
// graphLock.
func (s *store) additionalLayer(id string) (*Layer, error) {
	stores, err := s.getROLayerStoresLocked()
	if err != nil {
		return nil, err
	}
	for _, store := range stores {
		if err := store.startReading(); err != nil {
			return nil, err
		}
		layer, err := store.Get(id)
		store.stopReading()
		if err == nil {
			return layer, nil
		}
	}
	return nil, ErrLayerUnknown
}
