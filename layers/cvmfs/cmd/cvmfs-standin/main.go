// Command cvmfs-standin simulates the CernVM-FS client for tests and demos: it
// mounts a published tree as a node would see it, and misbehaves on request.
// Under the name cvmfs_server it simulates the program that publishes.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin/publisher"
)

func main() {
	if filepath.Base(os.Args[0]) == publisher.Name {
		os.Exit(publisher.Main(os.Args[1:], os.Stdin, os.Stderr))
	}
	if err := command().Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "cvmfs-standin: %v\n", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "cvmfs-standin",
		Short:         "Stand in for the CVMFS client in tests and demos",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(mountCommand(), controlCommand(), watchdogCommand())
	return root
}

func controlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ctl SOCKET COMMAND…",
		Short: "Send a control command to a running stand-in",
		Long:  "Send a control command to a running stand-in:\n\n" + standin.Commands,
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			out, err := standin.Control(args[0], args[1:])
			if err == nil && out != "" {
				fmt.Println(out)
			}
			return err
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
