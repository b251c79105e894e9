package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

const imageHelp = `IMAGE is one of
  [REGISTRY/]REPOSITORY[:TAG|@DIGEST]   an image in a registry
  oci:DIR[:TAG]                         an OCI image layout
  docker-archive:FILE[:TAG]             what docker save and podman save write`

func newPublish() *cobra.Command {
	var image imageFlags
	var quiet bool
	cmd := &cobra.Command{
		Use:   "publish [flags] IMAGE DIR",
		Short: "Lay an image into a directory as DUCC does",
		Long: `Lay an image's layers and metadata into DIR, the root of a CVMFS repository
inside a transaction or any directory. Layers that are there are left alone.

` + imageHelp,
		Example: `  cvmfs_server transaction unpacked.example.org
  cvmfs-layers publish docker.io/library/debian:12 /cvmfs/unpacked.example.org
  cvmfs_server publish unpacked.example.org`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			img, err := source.Open(cmd.Context(), args[0], image.options())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if quiet {
				out = io.Discard
			}
			err = publish.Image(cmd.Context(), img, args[1], func(r publish.Report) {
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
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print errors and warnings only")
	return cmd
}

func printReport(out, warn io.Writer, r publish.Report) {
	if r.Status == publish.Skipped {
		fmt.Fprintf(out, "layer %s skipped: %s\n", r.Digest, r.Why)
		return
	}
	fmt.Fprintf(out, "layer %s %s\n", r.Digest, r.Status)
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
