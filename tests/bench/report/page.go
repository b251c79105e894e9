package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// About is what a page says of its run: the head of the bench's raw figures.
type About struct {
	Machine struct {
		Kernel, Processor string
		CPUs              int
		Memory            int64 // bytes
	} `json:"machine"`
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	Quick    bool              `json:"quick"`
}

func readAbout(file string) (About, error) {
	var a About
	data, err := os.ReadFile(file)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("reading %q: %w", file, err)
	}
	return a, nil
}

// page writes the head of the page: where and of what it was measured, how to
// read it, and the plots.
func (a About) page(out io.Writer, plots []string) {
	kind, command := "full", "make bench"
	if a.Quick {
		kind, command = "quick", "QUICK=1 make bench"
	}
	fmt.Fprintf(out, "# Measured\n\nA %s run (`%s`) on Linux %s, %d × %s, %d GiB of memory; medians of %d rounds, fewer of what takes minutes.\n"+
		"All raw values are in [bench.json](bench.json). What is measured how: [tests/bench/run](../../tests/bench/run).\n\n",
		kind, command, a.Machine.Kernel, a.Machine.CPUs, a.Machine.Processor, a.Machine.Memory>>30, a.Rounds)
	fmt.Fprint(out, "Seconds of a table's first column are seconds, with the least and the most; those of the others are ratios to it.\n"+
		"Other units are printed as they are. What could not be done says why.\n\n")
	names := make([]string, 0, len(a.Versions))
	for name, version := range a.Versions {
		if version != "" {
			names = append(names, fmt.Sprintf("%s %s", name, version))
		}
	}
	slices.Sort(names)
	fmt.Fprintf(out, "Versions: %s.\n\n", strings.Join(names, ", "))
	for _, plot := range plots {
		fmt.Fprintf(out, "![%s](%s.svg)\n\n", plot, plot)
	}
}
