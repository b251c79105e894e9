// Package spec is what podman tells a view's server: the JSON document on its
// standard input, and the line that comes back.
package spec

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

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

// failure is how an error crosses to the other process with its class.
type failure struct {
	Class string `json:"class,omitempty"`
	Text  string `json:"error"`
}

// classes are the sentinel errors that keep their identity.
var classes = map[string]error{
	"unknown":     cvmfs.ErrLayerUnknown,
	"unavailable": cvmfs.ErrUnavailable,
	"mismatch":    cvmfs.ErrMismatch,
}

// FormatError writes err for ParseError.
func FormatError(err error) string {
	f := failure{Text: err.Error()}
	for class, sentinel := range classes {
		if errors.Is(err, sentinel) {
			f.Class = class
		}
	}
	doc, _ := json.Marshal(f) // two strings always marshal
	return string(doc)
}

// ParseError reads what FormatError wrote: the same text, and the same sentinel.
func ParseError(s string) error {
	var f failure
	if err := json.Unmarshal([]byte(s), &f); err != nil {
		return fmt.Errorf("a view's server answered %q", s)
	}
	return &Error{text: f.Text, class: classes[f.Class]}
}

// Error is an error of the server.
type Error struct {
	text  string
	class error
}

func (e *Error) Error() string { return e.text }

// Unwrap gives the sentinel error of package cvmfs, if it is one.
func (e *Error) Unwrap() error { return e.class }
