// Command cvmfs-layers publishes container images into a CVMFS repository as
// CERN's DUCC lays them out, tells what a repository holds, and compares it with
// the registry. docs/publish.md describes it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses. A layer that is missing or differs is an answer, not an error,
// as a line that grep does not find.
const (
	exitMissing = 1
	exitError   = 2
	exitUnread  = 3
)

// errMissing ends check when all was answered and a layer is in no repository.
// The table says so: no message is printed for it.
var errMissing = errors.New("not all layers are there")

func main() {
	// A signal ends a run the way an error does: the staging directory goes.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	status := run(ctx, newCommand())
	stop()
	os.Exit(status)
}

func run(ctx context.Context, cmd *cobra.Command) int {
	err := cmd.ExecuteContext(ctx)
	status := exitStatus(err)
	if status == exitError {
		fmt.Fprintf(cmd.ErrOrStderr(), "cvmfs-layers: %v\n", err)
	}
	return status
}

func exitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errMissing), errors.Is(err, errDifferent):
		return exitMissing
	case errors.Is(err, errUnread):
		return exitUnread
	default:
		return exitError
	}
}

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cvmfs-layers",
		Short: "Publish container images into a CVMFS repository, and tell what it holds",
		// Errors are printed once, by run, and are seldom about usage.
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.AddCommand(newPublish(), newLs(), newCheck(), newVerify())
	return cmd
}
