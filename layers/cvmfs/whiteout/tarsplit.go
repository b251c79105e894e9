package whiteout

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// tarEntry is one record of tar-split's (github.com/vbatts/tar-split/tar/storage,
// Entry): what containers/storage keeps of the tar that a layer was extracted
// from. Names that are not UTF-8 are in RawName.
type tarEntry struct {
	Type    int    `json:"type"`
	Name    string `json:"name"`
	RawName []byte `json:"name_raw"`
}

// tarFile is the type of a record that stands for an entry of the tar.
const tarFile = 1

// OpaqueDirs reads which directories a layer marks as opaque, relative to its
// root, from the <layer>.tar-split.gz that a store has of it. The root itself
// is never among them: overlayfs does not know of opaque roots.
func OpaqueDirs(tarSplit io.Reader) ([]string, error) {
	unzipped, err := gzip.NewReader(tarSplit)
	if err != nil {
		return nil, fmt.Errorf("reading the headers of a layer: %w", err)
	}
	var dirs []string
	for records := json.NewDecoder(unzipped); ; {
		var e tarEntry
		if err := records.Decode(&e); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the headers of a layer: %w", err)
		}
		name := e.Name
		if len(e.RawName) > 0 {
			name = string(e.RawName)
		}
		dir, base := path.Split(path.Clean("/" + name))
		if e.Type == tarFile && base == OpaqueName && dir != "/" {
			dirs = append(dirs, path.Clean(dir)[1:])
		}
	}
}
