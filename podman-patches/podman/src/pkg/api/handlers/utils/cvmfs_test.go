package utils

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheckCVMFSMode(t *testing.T) {
	for _, mode := range []string{"", "auto", "only", "off"} {
		assert.NoError(t, CheckCVMFSMode(mode), mode)
	}
	for _, mode := range []string{"Auto", "true", "on", " "} {
		err := CheckCVMFSMode(mode)
		assert.ErrorContains(t, err, "parameter cvmfs", mode)
		assert.ErrorContains(t, err, "auto, only or off", mode)
	}
}
