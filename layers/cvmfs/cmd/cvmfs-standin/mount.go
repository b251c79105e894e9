package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin"
)

// mountFlags are what a mount needs beside standin.Options.
type mountFlags struct {
	background       bool
	control, pidFile string
	logFile          string
	watchdog         time.Duration
}

func mountCommand() *cobra.Command {
	opts := standin.DefaultOptions()
	var flags mountFlags
	cmd := &cobra.Command{
		Use:   "mount [flags] TREE MOUNTPOINT",
		Short: "Mount a published tree as the CVMFS client would",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if opts.KernelTimeout < 0 || opts.StaleDelay < 0 || flags.watchdog < 0 {
				return errors.New("a duration is negative")
			}
			ready := readyPipe()
			if flags.background && ready == nil {
				return background(flags.logFile)
			}
			err := serve(args[0], args[1], opts, flags, ready)
			if ready != nil && err != nil {
				_, _ = ready.WriteString(err.Error()) // nobody reads it once the mount answered
			}
			return err
		},
	}
	f := cmd.Flags()
	f.Uint32Var(&opts.UID, "uid", opts.UID, "owner of everything")
	f.Uint32Var(&opts.GID, "gid", opts.GID, "group of everything")
	f.BoolVar(&opts.WorldReadable, "world-readable", false, "let all read everything, as CVMFS_WORLD_READABLE=yes")
	f.StringVar(&opts.FQRN, "fqrn", opts.FQRN, "fully qualified repository name")
	f.Uint64Var(&opts.Revision, "revision", opts.Revision, "number of the first revision")
	f.DurationVar(&opts.KernelTimeout, "kernel-timeout", opts.KernelTimeout, "how long the kernel may keep names and attributes")
	f.DurationVar(&opts.StaleDelay, "stale-delay", opts.StaleDelay, "how long what a revision removed looks empty, before ESTALE")
	f.DurationVar(&flags.watchdog, "watchdog", 3*time.Second, "unmount this long after the server died; 0: never")
	f.StringVar(&flags.control, "control", "", "take control commands on this Unix `socket`")
	f.BoolVar(&flags.background, "background", false, "return when the mount answers, and serve in the background")
	f.StringVar(&flags.pidFile, "pid-file", "", "write the server's process ID to this `file`")
	f.StringVar(&flags.logFile, "log-file", "", "where errors go in the background, else nowhere")
	return cmd
}

// serve mounts, says so on ready, and returns when the mount has gone.
func serve(tree, mountpoint string, opts standin.Options, flags mountFlags, ready *os.File) (err error) {
	for _, path := range []*string{&flags.control, &flags.pidFile} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	// Before the mount, so that no signal leaves one behind.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)

	server, err := standin.Mount(tree, mountpoint, opts)
	if err != nil {
		return err
	}
	gone := make(chan error, 1)
	go func() { gone <- server.Wait() }()

	undo, err := equip(server, flags)
	defer undo()
	if err == nil {
		err = answer(server, ready)
	}
	if err != nil {
		return errors.Join(err, server.Unmount())
	}

	select {
	case err := <-gone:
		return err
	case <-signals:
	}
	if err := server.Unmount(); err != nil {
		return err
	}
	select {
	case err = <-gone:
	case <-time.After(time.Second): // in use, and detached: our end is the end of it
	}
	return err
}

// equip starts what belongs to a mount; undo ends it.
func equip(server *standin.Server, flags mountFlags) (undo func(), err error) {
	var ends []func()
	undo = func() {
		for _, end := range ends {
			end()
		}
	}
	if flags.watchdog > 0 {
		end, err := startWatchdog(server, flags.watchdog)
		if err != nil {
			return undo, fmt.Errorf("starting watchdog: %w", err)
		}
		ends = append(ends, end)
	}
	if flags.control != "" {
		stop, err := server.Listen(flags.control)
		if err != nil {
			return undo, err
		}
		ends = append(ends, func() { _ = stop() })
	}
	if flags.pidFile != "" {
		if err := os.WriteFile(flags.pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
			return undo, fmt.Errorf("writing pid file: %w", err)
		}
		ends = append(ends, func() { _ = os.Remove(flags.pidFile) })
	}
	return undo, nil
}

// answer asks the mount for its root, and then tells who waits for it.
func answer(server *standin.Server, ready *os.File) error {
	var st unix.Stat_t
	if err := unix.Stat(server.Mountpoint(), &st); err != nil {
		return fmt.Errorf("asking mount %q: %w", server.Mountpoint(), err)
	}
	if err := os.Chdir("/"); err != nil { // keep no other mount busy
		return err
	}
	if ready == nil {
		return nil
	}
	if _, err := ready.WriteString(readyWord); err != nil {
		return fmt.Errorf("reporting readiness: %w", err)
	}
	return ready.Close()
}
