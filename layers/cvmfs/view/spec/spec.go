// Package spec is what podman tells a view's server: the JSON document on its
// standard input, and the line that comes back.
package spec

import "time"

// Layer is one directory of the view.
type Layer struct {
	Path string `json:"path"` // absolute
	// CatalogHash is the recorded content hash of a layer directory's
	// catalogue; empty where the repository shows none, and then nothing is
	// compared.
	CatalogHash string `json:"catalog-hash,omitempty"`
	// Overlay says that the directory is in overlayfs's own form: whiteouts are
	// 0:0 devices and opaque directories have the overlay.opaque attribute.
	// Without it, deletions are AUFS names.
	Overlay bool `json:"overlay,omitempty"`
	// Store says that the directory is a container store's, such as an ordinary
	// layer's, and in no repository: it does not go away.
	Store bool `json:"store,omitempty"`
	// Unowned says that the files belong to accounts that this user namespace
	// does not map, as in the store of another account.
	Unowned bool `json:"unowned,omitempty"`
	// Opaque names directories of an Overlay that hide what lower layers hold,
	// relative to Path. A user namespace does not see the attributes by which
	// an overlay of root's marks them (trusted.overlay.opaque).
	Opaque []string `json:"opaque,omitempty"`
}

// Ordinary says that the directory is in no repository's own form: none of
// its names marks a catalogue.
func (l Layer) Ordinary() bool { return l.Overlay || l.Store }

// Owned says whether the owners of the directory's files count. Those in a
// repository's own form have lost theirs.
func (l Layer) Owned() bool { return l.Ordinary() && !l.Unowned }

// Spec describes one merged, read-only tree. Ids are those of the server's
// user namespace.
type Spec struct {
	// Layers are stacked topmost first.
	Layers []Layer `json:"layers"`
	// UID and GID own every entry of a repository.
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
	// UIDs and GIDs say how the owners of Owned layers are shown; without
	// them, as they are.
	UIDs []Range `json:"uids,omitempty"`
	GIDs []Range `json:"gids,omitempty"`
	// Below are the directories that are stacked beneath the view, topmost
	// first. What the layers delete of them comes out as overlayfs's whiteouts
	// and opaque directories.
	Below []string `json:"below,omitempty"`
	// Xattrs asks for an answer to each question for an extended attribute.
	// Without it, "not supported" is one where there are none at all, which
	// saves the kernel's overlayfs a question for each file; fuse-overlayfs
	// takes it for a failure.
	Xattrs bool `json:"xattrs,omitempty"`
	// Setuid keeps the setuid and setgid bits of files whose layer is not Owned.
	// Without it they are cleared: the program would run as UID and GID, whoever
	// owned it in the image.
	Setuid bool `json:"setuid,omitempty"`
	// NoDevices leaves device nodes out, as the extraction of a layer in a user
	// namespace does: they could not be opened there anyway.
	NoDevices bool `json:"no-devices,omitempty"`

	// Timeout is how long the caller waits for the layers to open, and then for
	// a container to start; in that time each answer comes within as much, or an
	// error. AnswerTimeout is how long an answer may take after a signal to the
	// program that waits for it. If zero, both are what they are where nothing is
	// configured. In nanoseconds.
	Timeout       time.Duration `json:"timeout"`
	AnswerTimeout time.Duration `json:"answer-timeout"`
}

// MaxRead is the size of one read request in bytes, and the max_read option
// that the mount is made with.
const MaxRead = 128 << 10

// Await is the argument with which the server's program opens the layers of the
// spec, answers, lists what a start looks into, and waits for a second spec of the
// same layers, with the same NoDevices and nothing Below, to serve it.
const Await = "await"

// Look is the argument with which, followed by a directory, the server's program
// looks into what is mounted there, and ends when it has got an answer.
const Look = "look"

// Ready is the line that the server writes when the view can be stacked.
// Anything else that it writes is why it cannot.
const Ready = "ready\n"
