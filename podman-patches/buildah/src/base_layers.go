package buildah

import "go.podman.io/storage"

// BaseLayers returns the IDs of the layers that the container was made on, base first, if the image that is committed
// stands on them and they are in store. The copy to store uses these very layers: what the manifest calls them are
// digests that, for layers in a read-only repository, nobody has compared with their contents.
func (i *containerImageSource) BaseLayers(store storage.Store) []string {
	if i.ref.squash || i.ref.confidentialWorkload.Convert || i.ref.prependsLayers() || store.GraphRoot() != i.store.GraphRoot() {
		return nil
	}
	var ids []string
	for id := i.layerID; id != ""; {
		layer, err := store.Layer(id)
		if err != nil {
			return nil // and so whoever reads the layers is told of
		}
		if id != i.layerID {
			ids = append([]string{id}, ids...)
		}
		id = layer.Parent
	}
	return ids
}
