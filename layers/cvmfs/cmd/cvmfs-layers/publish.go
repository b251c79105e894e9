package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/server"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

const imageHelp = `IMAGE is one of
  [REGISTRY/]REPOSITORY[:TAG|@DIGEST]   an image in a registry
  oci:DIR[:TAG]                         an OCI image layout
  docker-archive:FILE[:TAG]             what docker save and podman save write`

func newPublish() *cobra.Command {
	var image imageFlags
	var quiet, ingest bool
	cmd := &cobra.Command{
		Use:   "publish [flags] IMAGE DIR",
		Short: "Publish an image into a repository or a directory as DUCC does",
		Long: `Publish an image's layers and metadata into DIR. Layers that are there are left
alone.

If DIR is a repository that a CVMFS server on this machine publishes, each layer
is published by "cvmfs_server ingest", and the metadata in one transaction. No
transaction may be open. Any other DIR is written to.

` + imageHelp,
		Example: `  cvmfs-layers publish --ingest docker.io/library/debian:12 /cvmfs/unpacked.example.org
  cvmfs-layers publish docker.io/library/debian:12 /srv/tree`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			union, err := server.Find(args[1])
			if err != nil {
				return err
			}
			target, err := chooseTarget(args[1], ingest, union)
			if err != nil {
				return err
			}
			img, err := image.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if quiet {
				out = io.Discard
			}
			err = publish.Into(cmd.Context(), img, target, func(r publish.Report) {
				printReport(out, cmd.ErrOrStderr(), r)
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "image %s published, config %s\n", img.Name, img.Config.Digest)
			return nil
		},
	}
	image.add(cmd)
	cmd.Flags().StringVar(&image.name, "name", "", "publish the image under the name `REGISTRY/REPOSITORY:TAG`")
	cmd.Flags().BoolVar(&ingest, "ingest", false, "publish by `cvmfs_server ingest`; the default if DIR is a union that a CVMFS server has mounted")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print errors and warnings only")
	return cmd
}

// chooseTarget says how to publish into dir, which is in union, if that is not nil.
func chooseTarget(dir string, ingest bool, union *server.Union) (publish.Target, error) {
	target := publish.Target{Dir: dir}
	switch {
	case union == nil && !ingest:
	case union == nil:
		full, err := filepath.Abs(dir)
		if err != nil {
			return target, err
		}
		target.Server = &server.Repository{Name: filepath.Base(full)}
	case union.Open && ingest:
		return target, fmt.Errorf("repository %q has an open transaction, and `cvmfs_server ingest` opens one itself: "+
			"end it first by `cvmfs_server publish %[2]s` or `cvmfs_server abort %[2]s`", union.Name, union.Name)
	case union.Open:
		target.Transaction = true
	default:
		target.Server = &union.Repository
	}
	return target, nil
}

func printReport(out, warn io.Writer, r publish.Report) {
	if r.Why != "" {
		fmt.Fprintf(out, "layer %s %s: %s\n", r.Digest, r.Status, r.Why)
	} else {
		fmt.Fprintf(out, "layer %s %s\n", r.Digest, r.Status)
	}
	if o := r.Omissions; o.Devices > 0 {
		fmt.Fprintf(warn, "warning: layer %s: %d device(s) left out, this account may not create them (the first is %q)\n",
			r.Digest, o.Devices, o.FirstDevice)
	}
	if o := r.Omissions; o.Modes > 0 {
		fmt.Fprintf(warn, "warning: layer %s: %d file(s) lost a setuid, setgid or sticky bit (the first is %q)\n",
			r.Digest, o.Modes, o.FirstMode)
	}
}

// imageFlags say how an image is found.
type imageFlags struct {
	name      string
	platform  string
	plainHTTP bool
	tlsVerify bool
}

func (f *imageFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.platform, "platform", "", "take the image for `OS/ARCH[/VARIANT]` (default Linux on this architecture)")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "allow a registry without TLS")
	flags.BoolVar(&f.tlsVerify, "tls-verify", true, "require a registry's certificate to be valid")
}

func (f *imageFlags) options() source.Options {
	return source.Options{
		Platform:      f.platform,
		PlainHTTP:     f.plainHTTP,
		SkipTLSVerify: !f.tlsVerify,
		Name:          f.name,
	}
}
