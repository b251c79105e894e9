// Package server publishes into a repository of a CVMFS server on this machine
// by the program cvmfs_server.
//
// The server mounts the repository as a union at /cvmfs/<name>: read-only, and
// writable in a transaction. The next publish of the transaction takes each
// name .wh.* in the union for a deletion (cvmfs/sync_union_overlayfs.cc), so a
// layer with whiteouts cannot be laid into a transaction: its whiteouts are
// lost. A tar that is ingested keeps them (cvmfs/sync_union_tarball.cc). This
// is how DUCC publishes layers.
package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// program is CVMFS's own, found by PATH.
const program = "cvmfs_server"

// Repository is one that a server on this machine publishes.
type Repository struct {
	// Name is the fully qualified repository name.
	Name string
	// Below is the directory in the repository under which layers are
	// published, "" for its root.
	Below string
}

// Ingest publishes one revision with a tar unpacked at a path below r.Below,
// as a catalogue of its own. No transaction may be open. If tar, which writes
// the archive, returns an error, nothing is published.
func (r *Repository) Ingest(ctx context.Context, at string, tar func(io.Writer) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	in, out := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := tar(out)
		if err != nil {
			stop() // an archive that merely ends would be published
		}
		out.CloseWithError(err)
		written <- err
	}()
	err := run(ctx, in, "ingest", "--catalog", "-t", "-", "-b", path.Join(r.Below, at), r.Name)
	in.CloseWithError(errors.New("cvmfs_server has ended"))
	if failed := <-written; failed != nil && err != nil {
		// The pipe breaks when the program fails, and the program fails when the archive breaks off.
		if errors.Is(failed, io.ErrClosedPipe) || strings.Contains(failed.Error(), "cvmfs_server has ended") {
			return err
		}
		return fmt.Errorf("writing the layer's archive: %w: %w", failed, err)
	}
	return err
}

// Delete publishes one revision without the directory at a path below r.Below.
func (r *Repository) Delete(ctx context.Context, at string) error {
	return run(ctx, nil, "ingest", "--delete", path.Join(r.Below, at), r.Name)
}

// Transaction publishes what change writes into the repository's tree, or
// aborts the transaction after an error.
func (r *Repository) Transaction(ctx context.Context, change func() error) error {
	if err := run(ctx, nil, "transaction", r.Name); err != nil {
		return err
	}
	err := change()
	if err == nil {
		if err = run(ctx, nil, "publish", r.Name); err == nil {
			return nil
		}
	}
	// A transaction that stays open would stop every later run, so it is aborted after a signal too.
	return errors.Join(err, run(context.WithoutCancel(ctx), nil, "abort", "-f", r.Name))
}

// run runs cvmfs_server. Its directory is the root: the program refuses to
// publish while a process that belongs to it is in the repository.
func run(ctx context.Context, in io.Reader, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.Stdin = in
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: publishing into a CVMFS repository needs the package cvmfs-server on this machine", err)
	}
	return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, lastLines(said.String()))
}

// lastLines gives the end of what a program printed, in one line.
func lastLines(s string) string {
	lines := strings.FieldsFunc(strings.TrimSpace(s), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}
