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

// limits bound what is read of another account's store, in bytes.
type limits struct {
	record int64 // one record; tar-split makes none of more than 1.4 MB
	all    int64 // all records, unzipped; one name takes about 900 bytes
	dirs   int   // all that is returned
}

// usual is beyond any layer that was ever extracted: four million names.
var usual = limits{record: 8 << 20, all: 4 << 30, dirs: 16 << 20}

// ErrTooLong says that the headers of a layer are more than anyone reads.
var ErrTooLong = errors.New("too long")

// OpaqueDirs reads which directories a layer marks as opaque, relative to its
// root, from the <layer>.tar-split.gz that a store has of it. The root itself
// is never among them: overlayfs does not know of opaque roots. Headers that are
// more than any layer has are ErrTooLong.
func OpaqueDirs(tarSplit io.Reader) ([]string, error) {
	dirs, err := usual.opaqueDirs(tarSplit)
	if err != nil {
		return nil, fmt.Errorf("reading the headers of a layer: %w", err)
	}
	return dirs, nil
}

func (l limits) opaqueDirs(tarSplit io.Reader) ([]string, error) {
	unzipped, err := gzip.NewReader(tarSplit)
	if err != nil {
		return nil, err
	}
	all := &io.LimitedReader{R: unzipped, N: l.all}
	// Filled up for each record: the decoder keeps all of one in memory.
	record := &io.LimitedReader{R: all}
	var dirs []string
	size := 0
	for records := json.NewDecoder(record); ; {
		var e tarEntry
		record.N = l.record
		err := records.Decode(&e)
		switch {
		case all.N <= 0:
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLong, l.all)
		case err != nil && record.N <= 0:
			return nil, fmt.Errorf("%w: a record of more than %d bytes", ErrTooLong, l.record)
		case errors.Is(err, io.EOF):
			return dirs, nil
		case err != nil:
			return nil, err
		}
		name := e.Name
		if len(e.RawName) > 0 {
			name = string(e.RawName)
		}
		dir, base := path.Split(path.Clean("/" + name))
		if e.Type == tarFile && base == OpaqueName && dir != "/" {
			if size += len(dir); size > l.dirs {
				return nil, fmt.Errorf("%w: names of opaque directories of more than %d bytes", ErrTooLong, l.dirs)
			}
			dirs = append(dirs, path.Clean(dir)[1:])
		}
	}
}
