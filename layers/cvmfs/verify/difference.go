package verify

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// What says in which respect something differs.
type What string

// All differences between files. Those of the publisher's own record are named
// by its fields, such as diff-size.
const (
	Missing What = "missing"
	Extra   What = "extra"
	Type    What = "type"
	Mode    What = "mode" // permissions, with setuid, setgid and sticky
	Size    What = "size"
	Time    What = "time" // of the last modification
	Target  What = "target"
	Device  What = "device"
	Content What = "content"
	// Invalid is what is not of the layout's form.
	Invalid What = "invalid"
	// Unreadable is no difference: the account may not see what is there.
	Unreadable What = "unreadable"
	// Failed is no difference either: the repository did not give the file.
	Failed What = "failed"
)

// NotCompared is what a CVMFS repository does not keep of a tar.
var NotCompared = []string{
	"owners",
	"extended attributes",
	"fractions of seconds",
	"which names are hard links of one file",
	"modes and times of directories that the tar does not describe",
}

// Difference is one respect in which repository and registry differ.
type Difference struct {
	Layer digest.Digest
	// Path is relative to the layer's own directory, such as
	// layerfs/etc/passwd; "" for the layer as a whole. It may hold any byte.
	Path string
	What What
	// Repository and Registry say what is there, fit for a terminal.
	Repository, Registry string

	worldReadable bool // see Layer
}

// String is the difference in one line.
func (d Difference) String() string {
	where := d.Layer.String()
	if d.Path != "" {
		where += " " + cvmfs.Printable(d.Path)
	}
	return where + ": " + string(d.What) + ": repository " + d.Repository + ", registry " + d.Registry
}

// MarshalJSON quotes a path that JSON cannot hold, as String does.
func (d Difference) MarshalJSON() ([]byte, error) {
	path := d.Path
	if !utf8.ValidString(path) {
		path = strconv.Quote(path)
	}
	return json.Marshal(struct {
		Layer      digest.Digest `json:"layer"`
		Path       string        `json:"path"`
		What       What          `json:"what"`
		Repository string        `json:"repository"`
		Registry   string        `json:"registry"`
	}{d.Layer, path, d.What, d.Repository, d.Registry})
}
