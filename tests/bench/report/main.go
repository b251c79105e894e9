// Command report reads the bench's records, one JSON document after another,
// and prints a table for each part, and what became of the targets.
//
//	report [--targets FILE] [--counts] [--write DIR] <RECORDS
//
// Medians, with the least and the most; seconds become ratios to the part's
// base in the same run. FILE lists the targets, see targets.go. The exit status
// is 1 if one is missed by more than the run's noise; with --counts, if one is
// that no clock has to do with. With --write, DIR gets the tables as Markdown
// and plots as PNG and SVG.
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

func main() {
	file := flag.String("targets", "", "a list of targets")
	counts := flag.Bool("counts", false, "of the targets, only those that no clock has to do with can be missed")
	dir := flag.String("write", "", "write tables and plots into this directory")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *file, *counts, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		if errors.Is(err, errMissed) {
			os.Exit(1)
		}
		os.Exit(2)
	}
}

func run(in io.Reader, out io.Writer, file string, counts bool, dir string) error {
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
	var missed error
	if file != "" {
		list, err := readTargets(file)
		if err != nil {
			return err
		}
		missed = judge(&text, list, byPart, counts)
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		return err
	}
	if dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "tables.md"), text.Bytes(), 0o644); err != nil {
			return err
		}
		if err := draw(dir, byPart); err != nil {
			return fmt.Errorf("drawing: %w", err)
		}
	}
	return missed
}
