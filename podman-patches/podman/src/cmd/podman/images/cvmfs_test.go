package images

import (
	"os"
	"strings"
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

// A mode after a space is an image to the parser. It is refused as a mistake.
func TestCVMFSModeApart(t *testing.T) {
	saved := os.Args
	t.Cleanup(func() { os.Args = saved })
	for line, refused := range map[string]string{
		"pull --cvmfs only image":               "--cvmfs=only",
		"pull --cvmfs off image":                "--cvmfs=off",
		"--root x image pull --cvmfs auto i":    "--cvmfs=auto",
		"pull -q --cvmfs only":                  "--cvmfs=only",
		"pull image --cvmfs only":               "--cvmfs=only",
		"pull image --cvmfs=auto --cvmfs off":   "--cvmfs=off",
		"pull --cvmfs image":                    "",
		"pull --cvmfs image only":               "",
		"pull --cvmfs=auto only":                "",
		"pull --cvmfs=only off":                 "",
		"pull --cvmfs docker.io/library/only":   "",
		"pull --cvmfs only:1":                   "",
		"pull only":                             "",
		"pull -- --cvmfs only":                  "",
		"pull image --cvmfs":                    "",
		"pull --cvmfs -q only":                  "",
		"image pull --quiet=true image --cvmfs": "",
	} {
		t.Run(line, func(t *testing.T) {
			cmd, mode, ran := &cobra.Command{SilenceErrors: true, SilenceUsage: true}, "", false
			cmd.Args = cobra.MinimumNArgs(1)
			cmd.Run = func(*cobra.Command, []string) { ran = true }
			cmd.Flags().BoolP("quiet", "q", false, "")
			cvmfsFlag(cmd, &mode)
			os.Args = append([]string{"podman"}, strings.Fields(line)...)
			_, own, _ := strings.Cut(line, "pull ")
			cmd.SetArgs(strings.Fields(own))
			err := cmd.Execute()
			assert.Equal(t, refused == "", ran)
			if refused != "" {
				assert.ErrorContains(t, err, "did you mean "+refused)
			} else {
				require.NoError(t, err)
			}
		})
	}
	cmd, mode := &cobra.Command{Args: cobra.MinimumNArgs(1), SilenceErrors: true, SilenceUsage: true, Run: func(*cobra.Command, []string) {}}, ""
	cvmfsFlag(cmd, &mode)
	os.Args = []string{"podman", "pull"}
	cmd.SetArgs([]string{"--cvmfs"})
	assert.ErrorContains(t, cmd.Execute(), "at least 1 arg", "the command's own check")
}
