//go:build !remote
// +build !remote

package libpod

import (
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
)

// undoCopyUp empties the volume, as it was before a copy-up that failed, and
// has the next container do it again. A part of what the image holds must not
// pass for all of it.
func (v *Volume) undoCopyUp() {
	mountPoint := v.mountPoint()
	contents, err := os.ReadDir(mountPoint)
	for _, entry := range contents {
		if err == nil {
			err = os.RemoveAll(filepath.Join(mountPoint, entry.Name()))
		}
	}
	if err == nil {
		v.state.NeedsCopyUp = true
		err = v.save()
	}
	if err != nil {
		logrus.Errorf("Volume %s may hold a part of what was to be copied into it: %v", v.Name(), err)
	}
}
