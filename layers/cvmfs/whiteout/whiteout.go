// Package whiteout reads the AUFS names by which a layer deletes what lower
// layers hold. The OCI image layer specification took them over, and a
// published layer directory keeps them as plain empty files.
package whiteout

import (
	"fmt"
	"strings"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// Kind says what a name in a layer directory means.
type Kind int

const (
	// Entry is an ordinary name.
	Entry Kind = iota
	// Whiteout deletes one name of the lower layers.
	Whiteout
	// Opaque hides all that lower layers hold in the same directory.
	Opaque
	// Internal belongs to AUFS itself (.wh..wh.plnk and its like): no content, and it deletes nothing.
	Internal
)

// OpaqueName is the one name of kind Opaque.
const OpaqueName = ".wh..wh..opq"

const (
	prefix         = ".wh."
	internalPrefix = prefix + prefix
)

// Parse tells what name means, and for a Whiteout the name that it deletes. A
// whiteout of nothing, of "." or of ".." is Internal and ErrInvalidWhiteout:
// a caller that only shows a tree hides it, one that takes a layer in refuses it.
func Parse(name string) (Kind, string, error) {
	switch {
	case !strings.HasPrefix(name, prefix):
		return Entry, "", nil
	case name == OpaqueName:
		return Opaque, "", nil
	case strings.HasPrefix(name, internalPrefix):
		return Internal, "", nil
	}
	target := name[len(prefix):]
	if target == "" || target == "." || target == ".." || strings.ContainsRune(target, '/') {
		return Internal, "", fmt.Errorf("%w %q", cvmfs.ErrInvalidWhiteout, name)
	}
	return Whiteout, target, nil
}
