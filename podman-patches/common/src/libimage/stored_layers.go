//go:build !remote
// +build !remote

package libimage

import (
	"errors"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
)

// StoredLayer says where the store has the contents of one layer of an image.
type StoredLayer struct {
	// DiffID is the digest of the uncompressed layer, Digest that of the
	// compressed one where the store knows it. Of layers in a repository
	// they are what the image states.
	DiffID digest.Digest `json:"DiffID"`
	Digest digest.Digest `json:"Digest,omitempty"`
	// Kind is "local", or storage.LayerKindRemoteReadonly: then the contents
	// are at Path, a directory of a read-only repository.
	Kind string `json:"Kind"`
	Path string `json:"Path,omitempty"`
	// Which content was there when the layer was recorded, where the
	// repository tells: its name, revision, and the hashes of its root
	// catalogue and of the layer's own.
	Repository  string `json:"Repository,omitempty"`
	Revision    uint64 `json:"Revision,omitempty"`
	RootHash    string `json:"RootHash,omitempty"`
	CatalogHash string `json:"CatalogHash,omitempty"`
}

// storedLayers returns an entry for each layer of the image, base first; nil
// if all of them are local, as they are in a store that uses no repository.
func (i *Image) storedLayers() ([]StoredLayer, error) {
	var layers []StoredLayer
	remote := false
	for id := i.TopLayer(); id != ""; {
		layer, err := i.runtime.store.Layer(id)
		if errors.Is(err, storage.ErrLayerUnknown) { // the image is corrupted, which is told elsewhere
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		diffID, blob := layer.StatedDigests()
		stored := StoredLayer{DiffID: diffID, Digest: blob, Kind: "local"}
		if layer.Kind != "" {
			remote = true
			stored.Kind, stored.Path = layer.Kind, layer.RemotePath
		}
		if identity := layer.RemoteIdentity; identity != nil {
			stored.Repository, stored.Revision = identity.Repository, identity.Revision
			stored.RootHash, stored.CatalogHash = identity.RootHash, identity.CatalogHash
		}
		layers = append([]StoredLayer{stored}, layers...)
		id = layer.Parent
	}
	if !remote {
		return nil, nil
	}
	return layers, nil
}
