// Command report reads the bench's records, one JSON document after another,
// and prints a table for each part, and what became of the targets.
//
//	report [--targets FILE] [--counts] [--about FILE --write DIR] <RECORDS
//
// Medians, with the least and the most; seconds become ratios to the part's
// base in the same run. FILE lists the targets, see targets.go. The exit status
// is 1 if one is missed by more than the run's noise; with --counts, if one is
// that no clock has to do with. With --write, DIR gets a page of the tables and
// plots as PNG and SVG; --about then names the raw figures, whose machine and
// versions head the page.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// errMissed says that a target is missed.
var errMissed = errors.New("targets are missed")

// options are the command line's.
type options struct {
	targets, about, dir string
	counts              bool
}

func main() {
	var o options
	flag.StringVar(&o.targets, "targets", "", "a list of targets")
	flag.BoolVar(&o.counts, "counts", false, "of the targets, only those that no clock has to do with can be missed")
	flag.StringVar(&o.about, "about", "", "the raw figures, for the head of the page")
	flag.StringVar(&o.dir, "write", "", "write a page and plots into this directory")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		if errors.Is(err, errMissed) {
			os.Exit(1)
		}
		os.Exit(2)
	}
}

func run(in io.Reader, out io.Writer, o options) error {
	parts, byPart, err := tables(in)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, part := range parts {
		fmt.Fprintf(&text, "## %s\n\n", part)
		w := tabwriter.NewWriter(&text, 0, 0, 1, ' ', 0)
		byPart[part].print(w)
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(&text)
	}
	if err := printCluster(&text, byPart); err != nil {
		return err
	}
	var missed error
	if o.targets != "" {
		list, err := readTargets(o.targets)
		if err != nil {
			return err
		}
		missed = judge(&text, list, byPart, o.counts)
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		return err
	}
	if o.dir != "" {
		if err := write(o, byPart, text.Bytes()); err != nil {
			return err
		}
	}
	return missed
}

// write writes the page, with the tables as text, and its plots.
func write(o options, byPart map[string]*table, text []byte) error {
	about, err := readAbout(o.about)
	if err != nil {
		return err
	}
	plots, err := draw(o.dir, byPart)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	var page bytes.Buffer
	about.page(&page, plots)
	page.Write(text)
	return os.WriteFile(filepath.Join(o.dir, "README.md"), page.Bytes(), 0o644)
}
