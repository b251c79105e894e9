package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/inventory"
)

func newLs() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [flags] REPOSITORY",
		Short: "List the images and layers of a repository",
		Long:  "List the images that the metadata of the repository mounted at REPOSITORY names, and all its layers.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			contents, err := inventory.List(args[0])
			if err != nil && len(contents.Layers)+len(contents.Images) == 0 {
				return err
			}
			printed := printContents(cmd.OutOrStdout(), contents, asJSON)
			if err != nil {
				return err
			}
			return printed
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printContents(w io.Writer, c inventory.Contents, asJSON bool) error {
	if asJSON {
		return printJSON(w, c)
	}
	t := newTable(w)
	fmt.Fprintln(t, "IMAGE\tCONFIG\tLAYERS")
	for _, i := range c.Images {
		fmt.Fprintf(t, "%s\t%s\t%d\n", cvmfs.Printable(i.Name), i.Config, len(i.Layers))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "LAYER\tDIFFID\tSIZE\tIMAGES\tSTATE")
	for _, l := range c.Layers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", l.Digest, orDash(string(l.DiffID)), size(l.Size), l.Images, layerState(l))
	}
	return t.Flush()
}

func layerState(l inventory.Layer) string {
	switch {
	case !l.Present:
		return "missing"
	case !l.Metadata:
		return "no metadata"
	default:
		return "present"
	}
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// size prints bytes for people: three digits, decimal units, as podman does.
func size(bytes int64) string {
	if bytes < 0 {
		return "-"
	}
	const units = "kMGTPE"
	if bytes < 1000 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	value, unit := float64(bytes)/1000, 0
	for value >= 999.5 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return strconv.FormatFloat(value, 'g', 3, 64) + " " + units[unit:unit+1] + "B"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
