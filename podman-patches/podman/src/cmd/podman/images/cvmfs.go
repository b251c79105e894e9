package images

import (
	"fmt"
	"os"

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
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, images []string) error {
		if err := cvmfsModeApart(os.Args[1:]); err != nil {
			return err
		}
		if check == nil {
			return nil
		}
		return check(cmd, images)
	}
}

// cvmfsModeApart is an error if the command line has a mode as a word of its own
// after --cvmfs, where it would be an image to pull.
func cvmfsModeApart(words []string) error {
	for i := 1; i < len(words) && words[i-1] != "--"; i++ {
		if words[i-1] != "--cvmfs" {
			continue
		}
		if _, err := config.ParseMode(words[i]); err == nil {
			return fmt.Errorf("--cvmfs %s: %[1]q would be an image to pull: did you mean --cvmfs=%[1]s? (of an image that has this name, write the name with its registry)", words[i])
		}
	}
	return nil
}
