package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/inventory"
)

// A person waits for check, where a pull would go on without the repository.
const lookupTimeout = 60 * time.Second

// errUnavailable ends check when a layer may or may not be there; a warning
// has named the repository.
var errUnavailable = fmt.Errorf("not all layers could be looked up: %w", cvmfs.ErrUnavailable)

// checked is the output of check.
type checked struct {
	Image    string           `json:"image"`
	Config   string           `json:"config"`
	Platform string           `json:"platform"`
	Layers   []inventory.Held `json:"layers"`
}

func newCheck() *cobra.Command {
	var image imageFlags
	var repositories []string
	var asJSON, hidden bool
	cmd := &cobra.Command{
		Use:   "check [flags] IMAGE",
		Short: "Tell which layers of an image repositories hold",
		Long: `Tell which layers of an image a pull would take from a repository.

The exit status is 0 if a repository has every layer, 1 if one is missing, 2 if
something went wrong, a repository that does not answer included.

` + imageHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			img, err := image.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if repositories, err = configured(repositories); err != nil {
				return err
			}
			finder := lookup.New(repositories, lookupTimeout)
			finder.Warn = func(s string) { fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", s) }
			held, err := inventory.Check(cmd.Context(), finder, img)
			if err != nil {
				return err
			}
			if hidden {
				if err := addHidden(held); err != nil {
					return err
				}
			}
			out := checked{Image: img.Name, Config: string(img.Config.Digest), Platform: img.Platform, Layers: held}
			if err := printChecked(cmd.OutOrStdout(), out, asJSON, hidden); err != nil {
				return err
			}
			return verdict(held)
		},
	}
	image.add(cmd)
	cmd.Flags().StringArrayVar(&repositories, "repository", nil, "look in the repository mounted at `DIR`; may be given again, and is searched in that order (default: those of cvmfs.conf)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&hidden, "hidden", false, "list the files that the calling user may not read, the directories that he may not enter, and setuid and setgid files, which lose that in containers")
	return cmd
}

func addHidden(held []inventory.Held) error {
	for i := range held {
		if held[i].State != inventory.Present {
			continue
		}
		var err error
		if held[i].Hidden, err = inventory.Hidden(held[i].Path); err != nil {
			return err
		}
	}
	return nil
}

// verdict turns the layers' states into the command's: what is not known
// weighs more than what is known to be missing. A layer that is never published
// is missing too: a pull downloads it.
func verdict(held []inventory.Held) error {
	var missing error
	for _, h := range held {
		switch h.State {
		case inventory.Unavailable:
			return errUnavailable
		case inventory.Missing, inventory.Ordinary, inventory.Closed:
			missing = errMissing
		}
	}
	return missing
}

func printChecked(w io.Writer, c checked, asJSON, hidden bool) error {
	if asJSON {
		return printJSON(w, c)
	}
	t := newTable(w)
	fmt.Fprintln(t, "LAYER\tSTATE\tCOMPRESSED\tUNPACKED\tREPOSITORY")
	for _, h := range c.Layers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", h.Digest, h.State, size(h.Compressed), size(h.Unpacked), orDash(cvmfs.Printable(h.Repository)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, summary(c.Layers))
	if !hidden {
		return nil
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "HIDDEN\tTYPE\tMODE\tLAYER")
	for _, h := range c.Layers {
		for _, e := range h.Hidden {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", cvmfs.Printable(e.Path), e.Type, e.Mode, h.Digest.Encoded()[:12])
		}
	}
	return t.Flush()
}

// summary says how much a pull would spare.
func summary(held []inventory.Held) string {
	var present int
	var spared, all int64
	for _, h := range held {
		all += h.Compressed
		if h.State == inventory.Present {
			present++
			spared += h.Compressed
		}
	}
	return fmt.Sprintf("%d of %d layers, %s of %s", present, len(held), size(spared), size(all))
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
