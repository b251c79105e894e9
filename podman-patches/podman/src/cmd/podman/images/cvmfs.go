package images

import (
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/spf13/cobra"
)

// cvmfsMode is the value of --cvmfs. It is checked when the command line is
// parsed, before anything happens.
type cvmfsMode string

func (m *cvmfsMode) String() string { return string(*m) }

func (m *cvmfsMode) Type() string { return "mode" }

func (m *cvmfsMode) Set(value string) error {
	mode, err := config.ParseMode(value)
	if err != nil {
		return err
	}
	*m = cvmfsMode(mode)
	return nil
}

// cvmfsFlag adds --cvmfs to a command that pulls into the local store.
func cvmfsFlag(cmd *cobra.Command, mode *string) {
	const name = "cvmfs"
	flags := cmd.Flags()
	flags.Var((*cvmfsMode)(mode), name, "Use layers that a CVMFS repository has in place of downloading them: `MODE` is auto, only (or fail) or off")
	flags.Lookup(name).NoOptDefVal = string(config.Auto)
	_ = cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := []string{}
		for _, mode := range config.Modes() {
			names = append(names, string(mode))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}
