package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Record is one measured value: of one variant, in one round.
type Record struct {
	Part    string  `json:"part"`    // the table that it belongs to
	Measure string  `json:"measure"` // the row
	Variant string  `json:"variant"` // the column
	Unit    string  `json:"unit"`    // "s" for what is compared as a ratio; others are printed as they are
	Value   float64 `json:"value"`
	Round   int     `json:"round"`
}

// local is the variant that others are measured by: ordinary layers.
const local = "local"

// table collects the values of one part, in the order in which they came.
type table struct {
	rows, columns []string
	unit          map[string]string
	values        map[[2]string][]float64
}

// report reads records, one JSON document after another, and prints a table
// for each part: medians, with the least and the most. Seconds become ratios to
// local layers in the same run, where that variant was measured.
func report(in io.Reader, out io.Writer) error {
	tables := map[string]*table{}
	var order []string
	for d := json.NewDecoder(in); ; {
		var r Record
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading records: %w", err)
		}
		t := tables[r.Part]
		if t == nil {
			t = &table{unit: map[string]string{}, values: map[[2]string][]float64{}}
			tables[r.Part] = t
			order = append(order, r.Part)
		}
		t.add(r)
	}
	for _, part := range order {
		fmt.Fprintf(out, "\n%s\n\n", part)
		w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
		tables[part].print(w)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) add(r Record) {
	if !slices.Contains(t.rows, r.Measure) {
		t.rows = append(t.rows, r.Measure)
		t.unit[r.Measure] = r.Unit
	}
	if !slices.Contains(t.columns, r.Variant) {
		t.columns = append(t.columns, r.Variant)
	}
	key := [2]string{r.Measure, r.Variant}
	t.values[key] = append(t.values[key], r.Value)
}

func (t *table) print(w io.Writer) {
	if i := slices.Index(t.columns, local); i > 0 {
		t.columns = slices.Insert(slices.Delete(t.columns, i, i+1), 0, local)
	}
	fmt.Fprintf(w, "| \t| %s\t|\n", strings.Join(t.columns, "\t| "))
	fmt.Fprintf(w, "| ---\t|%s\n", strings.Repeat(" ---:\t|", len(t.columns)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s", row)
		for _, column := range t.columns {
			fmt.Fprintf(w, "\t| %s", t.cell(row, column))
		}
		fmt.Fprintln(w, "\t|")
	}
}

// cell is "median s" for local layers, "ratio (least-most)" for what is
// compared with them, "median unit" for what is not.
func (t *table) cell(row, column string) string {
	v := spreadOf(t.values[[2]string{row, column}])
	if v.n == 0 {
		return "-"
	}
	base := spreadOf(t.values[[2]string{row, local}])
	switch unit := t.unit[row]; {
	case unit == "s" && column != local && base.median > 0:
		return fmt.Sprintf("%.2f (%.2f-%.2f)", v.median/base.median, v.least/base.median, v.most/base.median)
	case unit == "s":
		return fmt.Sprintf("%.3f s (%.3f-%.3f)", v.median, v.least, v.most)
	default:
		return strings.TrimSpace(number(v.median) + " " + unit)
	}
}

func number(v float64) string {
	if v != float64(int64(v)) {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprint(int64(v))
}

type spread struct {
	median, least, most float64
	n                   int
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Clone(values)
	slices.Sort(v)
	n := len(v)
	return spread{median: (v[(n-1)/2] + v[n/2]) / 2, least: v[0], most: v[n-1], n: n}
}
