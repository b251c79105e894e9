package storage

import (
	"errors"
	"fmt"
	"sort"

	drivers "go.podman.io/storage/drivers"
)

// holdsDiff says whether the store holds what layer was made from, to be
// compared with its digest.  Of a remote layer, the repository answers for the
// contents, and the driver, whenever it mounts them, that they are the ones
// that were recorded.
func (l *Layer) holdsDiff() bool {
	return l.Kind == "" && !l.MapsRemote()
}

// spareRemote returns a report without what is said in it of remote layers
// that can't be used now, and an error for each layer that is spared so: it is
// for the repository to come back, or for a pull to fetch what it lost.
func spareRemote(report CheckReport) (CheckReport, []error) {
	var spared []error
	for _, damaged := range []*map[string][]error{&report.Layers, &report.Images, &report.Containers} {
		rest := make(map[string][]error, len(*damaged))
		for id, errs := range *damaged {
			for _, err := range errs {
				if remote := (*drivers.RemoteStackError)(nil); !errors.As(err, &remote) {
					rest[id] = append(rest[id], err)
				} else if damaged == &report.Layers {
					spared = append(spared, fmt.Errorf("not removed: %w", err))
				}
			}
		}
		*damaged = rest
	}
	sort.Slice(spared, func(i, j int) bool { return spared[i].Error() < spared[j].Error() })
	return report, spared
}
