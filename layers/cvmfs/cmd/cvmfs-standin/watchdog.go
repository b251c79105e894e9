package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin"
)

// The watchdog is what turns a dead client's mount into an empty directory. It
// reads a pipe that ends with the server, however it ends; a server that ends
// in order says quitWord first.
const quitWord = "quit"

func watchdogCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "watchdog DEVICE MOUNTPOINT DELAY",
		Hidden: true,
		Args:   cobra.ExactArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			delay, err := time.ParseDuration(args[2])
			if err != nil {
				return err
			}
			said, err := io.ReadAll(os.Stdin)
			if err != nil || string(said) == quitWord {
				return err
			}
			time.Sleep(delay)
			return standin.Detach(args[1], args[0])
		},
	}
}

// startWatchdog starts one for server; end is for an orderly end.
func startWatchdog(server *standin.Server, delay time.Duration) (end func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd, err := detached("watchdog", server.Device(), server.Mountpoint(), delay.String())
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	cmd.Stdin = r
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("running %q: %w", cmd.Path, err)
	}
	return func() {
		_, _ = w.WriteString(quitWord)
		_ = w.Close()
		_ = cmd.Wait()
	}, nil
}
