package images

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCVMFSFlag(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		mode string
		rest []string
	}{
		"absent":   {[]string{"image"}, "", []string{"image"}},
		"bare":     {[]string{"--cvmfs", "image"}, "auto", []string{"image"}},
		"auto":     {[]string{"--cvmfs=auto", "image"}, "auto", []string{"image"}},
		"only":     {[]string{"image", "--cvmfs=only"}, "only", []string{"image"}},
		"off":      {[]string{"--cvmfs=off", "image"}, "off", []string{"image"}},
		"the last": {[]string{"--cvmfs", "--cvmfs=off", "image"}, "off", []string{"image"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, mode := &cobra.Command{}, ""
			cvmfsFlag(cmd, &mode)
			require.NoError(t, cmd.ParseFlags(c.args))
			assert.Equal(t, c.mode, mode)
			assert.Equal(t, c.rest, cmd.Flags().Args())
		})
	}
	for _, value := range []string{"", "on", "Auto", "auto,off"} {
		cmd, mode := &cobra.Command{}, ""
		cvmfsFlag(cmd, &mode)
		assert.ErrorContains(t, cmd.ParseFlags([]string{"--cvmfs=" + value}), "auto, only or off")
		assert.Empty(t, mode)
	}
}
