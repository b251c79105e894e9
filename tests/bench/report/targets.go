package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Target is a limit for a value, or for the ratio of two variants' values.
//
// A list has one a line, fields separated by " | ": part, measure, variant,
// the variant that it is divided by or "-", "<=" or ">=" and the limit. Lines
// that start with # are comments.
type Target struct {
	Part, Measure, Variant, Over string
	AtLeast                      bool
	Limit                        float64
}

func readTargets(file string) ([]Target, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []Target
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if text := strings.TrimSpace(lines.Text()); text != "" && !strings.HasPrefix(text, "#") {
			t, err := parseTarget(text)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n, err)
			}
			list = append(list, t)
		}
	}
	return list, lines.Err()
}

func parseTarget(text string) (Target, error) {
	fields := strings.Split(text, " | ")
	if len(fields) != 5 {
		return Target{}, fmt.Errorf("%d fields, want 5 in %q", len(fields), text)
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	t := Target{Part: fields[0], Measure: fields[1], Variant: fields[2], Over: fields[3]}
	sign, limit, _ := strings.Cut(fields[4], " ")
	if sign != "<=" && sign != ">=" {
		return Target{}, fmt.Errorf("%q is neither <= nor >=", sign)
	}
	t.AtLeast = sign == ">="
	var err error
	if t.Limit, err = strconv.ParseFloat(limit, 64); err != nil {
		return Target{}, fmt.Errorf("parsing a limit: %w", err)
	}
	return t, nil
}

func (t Target) String() string {
	over := ""
	if t.Over != "-" {
		over = " / " + t.Over
	}
	return fmt.Sprintf("%s: %s, %s%s", t.Part, t.Measure, t.Variant, over)
}

func (t Target) limit() string {
	if t.AtLeast {
		return "≥ " + number(t.Limit)
	}
	return "≤ " + number(t.Limit)
}

// compared says whether the run compared these variants at all. One that did, and
// has no values, missed the target.
func (t Target) compared(table *table) bool {
	return slices.Contains(table.columns, t.Variant) && (t.Over == "-" || slices.Contains(table.columns, t.Over))
}

// values are one for each round that both variants have.
func (t Target) values(table *table) []float64 {
	if t.Over == "-" {
		return table.of(t.Measure, t.Variant)
	}
	over := map[int]float64{}
	for _, r := range table.values[cell{t.Measure, t.Over}] {
		over[r.Round] = r.Value // 0 of what failed
	}
	var ratios []float64
	for _, r := range table.values[cell{t.Measure, t.Variant}] {
		if base := over[r.Round]; base > 0 && r.Note == "" {
			ratios = append(ratios, r.Value/base)
		}
	}
	return ratios
}

// noise is half the distance of the quartiles: what half of the rounds differ
// by, either way.
func noise(values []float64) float64 {
	v := slices.Clone(values)
	slices.Sort(v)
	return (quantile(v, 0.75) - quantile(v, 0.25)) / 2
}

// quantile interpolates between sorted values.
func quantile(v []float64, q float64) float64 {
	at := q * float64(len(v)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(v)-1)
	return v[low] + (v[high]-v[low])*(at-float64(low))
}

// judge prints what became of the targets whose parts were measured, and
// returns errMissed where it comes to that.
func judge(out io.Writer, list []Target, byPart map[string]*table, counts bool) error {
	fmt.Fprintf(out, "## targets\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "| what\t| target\t| measured\t| noise\t| \t|\n| ---\t| ---\t| ---:\t| ---:\t| ---\t|\n")
	var missed []string
	for _, t := range list {
		table := byPart[t.Part]
		if table == nil || !t.compared(table) {
			continue
		}
		values := t.values(table)
		if len(values) == 0 {
			missed = append(missed, t.String()+" (not measured)")
			fmt.Fprintf(w, "| %s\t| %s\t| -\t| -\t| not measured\t|\n", t, t.limit())
			continue
		}
		median, spread := spreadOf(values).median, noise(values)
		beyond := median - t.Limit
		if t.AtLeast {
			beyond = -beyond
		}
		verdict := "met"
		if beyond > spread {
			verdict = "missed"
			if unit := table.unit[t.Measure]; !counts || !isTime(unit) {
				missed = append(missed, t.String())
			}
		} else if beyond > 0 {
			verdict = "within noise"
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", t, t.limit(), number(median), number(spread), verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(missed) > 0 {
		return fmt.Errorf("%w: %s", errMissed, strings.Join(missed, "; "))
	}
	return nil
}

// isTime says whether a clock measured what has this unit. Memory is no count
// either: it is what the garbage collector left.
func isTime(unit string) bool {
	return slices.Contains([]string{"s", "ms", "s of CPU", "MB", "B of memory"}, unit)
}
