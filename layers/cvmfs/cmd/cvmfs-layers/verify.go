package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/verify"
)

// How verify ends when all was answered; the summary has said why.
var (
	errDifferent = errors.New("repository and registry differ")
	errUnread    = errors.New("not all could be read by this account")
)

// verified is the output of verify.
type verified struct {
	Image        string              `json:"image"`
	Config       string              `json:"config"`
	Platform     string              `json:"platform"`
	Repository   string              `json:"repository"`             // the first
	Repositories []string            `json:"repositories,omitempty"` // if there is more than one
	NotCompared  []string            `json:"not-compared"`
	Layers       []verify.Layer      `json:"layers"`
	Differences  []verify.Difference `json:"differences"`
}

func newVerify() *cobra.Command {
	var image imageFlags
	var repositories []string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "verify [flags] IMAGE",
		Short: "Compare what a repository holds of an image with the registry",
		Long: `Compare what a repository holds of an image with the registry's blobs, path by
path. Each difference is one line; the last line sums up.

All of the image is read from the registry, and all of it from the repository.
Nothing is written to disk.

The exit status is 0 if all is equal, 1 if something differs, 3 if nothing
differs and there are files that the calling user may not read, 2 if something
went wrong: a blob that is not what the image names, a repository that does not
answer.

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
			defer finder.Close()
			out := verified{
				Image: img.Name, Config: string(img.Config.Digest), Platform: img.Platform, Repository: repositories[0],
				NotCompared: verify.NotCompared, Layers: []verify.Layer{}, Differences: []verify.Difference{},
			}
			if len(repositories) > 1 {
				out.Repositories = repositories
			}
			show := progress(cmd.ErrOrStderr(), quiet, len(img.Distinct()))
			show(out.Layers)
			err = verify.Image(cmd.Context(), finder, img, repositories[0], verify.Report{
				Difference: func(d verify.Difference) {
					if asJSON {
						out.Differences = append(out.Differences, d)
						return
					}
					fmt.Fprintln(cmd.OutOrStdout(), d)
				},
				Layer: func(l verify.Layer) {
					out.Layers = append(out.Layers, l)
					show(out.Layers)
				},
			})
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), out)
			} else if !quiet {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "not compared, since CVMFS keeps none: %s\n%s%s\n",
					strings.Join(out.NotCompared, ", "), worldReadable(out.Layers), verifySummary(out.Layers))
			}
			if err != nil {
				return err
			}
			return verifyVerdict(out.Layers)
		},
	}
	image.add(cmd)
	cmd.Flags().StringArrayVar(&repositories, "repository", nil, "compare the repository mounted at `DIR`; may be given again: a layer is compared where a pull finds it (default: those of cvmfs.conf)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print differences only")
	return cmd
}

// verifyVerdict turns the outcome into the command's: what failed weighs more
// than what differs, and that more than what nobody could see.
func verifyVerdict(layers []verify.Layer) error {
	t := total(layers)
	switch {
	case t.Failed > 0:
		return fmt.Errorf("%w: %d files could not be read", cvmfs.ErrUnavailable, t.Failed)
	case t.Differences > 0:
		return errDifferent
	case t.Unreadable > 0:
		return errUnread
	default:
		return nil
	}
}

func total(layers []verify.Layer) (t verify.Layer) {
	for _, l := range layers {
		t.Paths += l.Paths
		t.Bytes += l.Bytes
		t.Differences += l.Differences
		t.Unreadable += l.Unreadable
		t.Failed += l.Failed
	}
	return t
}

// worldReadable tells of modes that are those of the image, but for what a
// setting of the client adds.
func worldReadable(layers []verify.Layer) string {
	n := 0
	for _, l := range layers {
		n += l.WorldReadable
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d modes differ only by what the client's CVMFS_WORLD_READABLE=yes adds: verify with CVMFS_CHECK_PERMISSIONS=no instead, which shows the published modes\n", n)
}

// verifySummary counts the outcome in one line.
func verifySummary(layers []verify.Layer) string {
	var equal, skipped int
	for _, l := range layers {
		switch l.State {
		case verify.Equal:
			equal++
		case verify.Skipped:
			skipped++
		}
	}
	t := total(layers)
	line := fmt.Sprintf("%d of %d layers equal, %d paths, %s; differences: %d", equal, len(layers), t.Paths, size(t.Bytes), t.Differences)
	for _, more := range []struct {
		n    int
		what string
	}{
		{t.Unreadable, "not readable by this account"}, {t.Failed, "failed to be read"}, {skipped, "layers skipped as foreign or encrypted"},
	} {
		if more.n > 0 {
			line += fmt.Sprintf(", %s: %d", more.what, more.n)
		}
	}
	return line
}

// progress shows on a terminal how far it has come.
func progress(w io.Writer, quiet bool, layers int) func(done []verify.Layer) {
	f, isFile := w.(*os.File)
	if quiet || !isFile {
		return func([]verify.Layer) {}
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return func([]verify.Layer) {}
	}
	return func(done []verify.Layer) {
		if len(done) > 0 {
			l := done[len(done)-1]
			fmt.Fprintf(w, "layer %s %s\n", l.Digest, l.State)
		}
		if len(done) < layers {
			fmt.Fprintf(w, "comparing layer %d of %d\n", len(done)+1, layers)
		}
	}
}
