package archive

import (
	"fmt"
	"strings"
)

// whitedOut is the name that a whiteout deletes in its directory. A whiteout of
// no name, or of "." or "..", would delete the directory itself or the one above
// it, which may be the one that is unpacked into.
func whitedOut(whiteout string) (string, error) {
	name := strings.TrimPrefix(whiteout, WhiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return "", breakoutError(fmt.Errorf("invalid whiteout %q", whiteout))
	}
	return name, nil
}
