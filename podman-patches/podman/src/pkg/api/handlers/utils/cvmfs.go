package utils

import (
	"fmt"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
)

// CheckCVMFSMode is an error if the query parameter cvmfs of a pull is not a
// mode.  "" is the mode that the server has configured.
func CheckCVMFSMode(mode string) error {
	if mode == "" {
		return nil
	}
	if _, err := config.ParseMode(mode); err != nil {
		return fmt.Errorf("parameter cvmfs: %w", err)
	}
	return nil
}
