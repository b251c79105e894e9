// Package spec is what podman tells a view's server: the JSON document on its
// standard input, and the line that comes back.
package spec

// Layer is one layer directory of the view.
type Layer struct {
	Path string `json:"path"` // absolute
	// CatalogHash is the recorded content hash of the layer's catalogue; empty
	// where the repository shows none, and then nothing is compared.
	CatalogHash string `json:"catalog-hash,omitempty"`
}

// Spec describes one merged, read-only tree.
type Spec struct {
	// Layers are stacked topmost first.
	Layers []Layer `json:"layers"`
	// UID and GID own every entry, as ids of the server's user namespace.
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
	// Below are the directories that are stacked beneath the view, topmost
	// first. What the layers delete of them comes out as overlayfs's whiteouts
	// and opaque directories.
	Below []string `json:"below,omitempty"`
}

// MaxRead is the size of one read request in bytes, and the max_read option
// that the mount is made with.
const MaxRead = 128 << 10

// Ready is the line that the server writes when the view can be stacked.
// Anything else that it writes is why it cannot.
const Ready = "ready\n"
