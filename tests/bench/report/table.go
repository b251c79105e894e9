package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Record is one measured value: of one variant, in one round.
type Record struct {
	Part    string  `json:"part"`    // the table that it belongs to
	Measure string  `json:"measure"` // the row
	Variant string  `json:"variant"` // the column
	Unit    string  `json:"unit"`    // "s" for what is compared as a ratio; others are printed as they are
	Value   float64 `json:"value"`
	Round   int     `json:"round"`
	Note    string  `json:"note,omitempty"` // why there is no value
}

// local is the variant that others are measured by, ordinary layers, but for
// the parts that have another base.
const local = "local"

var bases = map[string]string{"pull": "floor"}

// table collects the values of one part, in the order in which they came.
type table struct {
	base          string
	rows, columns []string
	unit          map[string]string
	values        map[cell][]Record
}

// cell is where the values of one measure and one variant stand.
type cell struct{ measure, variant string }

// tables reads records, one JSON document after another, and returns one table
// for each part, in the order in which they came.
func tables(in io.Reader) (parts []string, byPart map[string]*table, err error) {
	byPart = map[string]*table{}
	for d := json.NewDecoder(in); ; {
		var r Record
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return parts, byPart, nil
		} else if err != nil {
			return nil, nil, fmt.Errorf("reading records: %w", err)
		}
		t := byPart[r.Part]
		if t == nil {
			t = &table{base: local, unit: map[string]string{}, values: map[cell][]Record{}}
			if base, ok := bases[r.Part]; ok {
				t.base = base
			}
			byPart[r.Part] = t
			parts = append(parts, r.Part)
		}
		t.add(r)
	}
}

func (t *table) add(r Record) {
	if !slices.Contains(t.rows, r.Measure) {
		t.rows = append(t.rows, r.Measure)
	}
	if r.Note == "" {
		t.unit[r.Measure] = r.Unit
	}
	if !slices.Contains(t.columns, r.Variant) {
		t.columns = append(t.columns, r.Variant)
	}
	key := cell{r.Measure, r.Variant}
	t.values[key] = append(t.values[key], r)
}

func (t *table) print(w io.Writer) {
	if i := slices.Index(t.columns, t.base); i > 0 {
		t.columns = slices.Insert(slices.Delete(t.columns, i, i+1), 0, t.base)
	}
	fmt.Fprintf(w, "| \t| %s\t|\n", strings.Join(t.columns, "\t| "))
	fmt.Fprintf(w, "| ---\t|%s\n", strings.Repeat(" ---:\t|", len(t.columns)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s", row)
		for _, column := range t.columns {
			fmt.Fprintf(w, "\t| %s", t.text(row, column))
		}
		fmt.Fprintln(w, "\t|")
	}
}

// text is "median s" for the base, "ratio (least-most)" for what is compared
// with it, "median unit" for what is not, and the note of what has no value.
func (t *table) text(row, column string) string {
	v := spreadOf(t.of(row, column))
	if v.n == 0 {
		for _, r := range t.values[cell{row, column}] {
			return strings.ReplaceAll(r.Note, "|", "/")
		}
		return "-"
	}
	base := spreadOf(t.of(row, t.base))
	switch unit := t.unit[row]; {
	case unit == "s" && column != t.base && base.median > 0:
		digits := 2
		if v.median < base.median/10 {
			digits = 4
		}
		return fmt.Sprintf("%.*f (%.*f-%.*f)", digits, v.median/base.median, digits, v.least/base.median, digits, v.most/base.median)
	case unit == "s":
		return fmt.Sprintf("%.3f s (%.3f-%.3f)", v.median, v.least, v.most)
	default:
		return strings.TrimSpace(number(v.median) + " " + unit)
	}
}

// of returns the values of a cell.
func (t *table) of(measure, variant string) []float64 {
	var values []float64
	for _, r := range t.values[cell{measure, variant}] {
		if r.Note == "" {
			values = append(values, r.Value)
		}
	}
	return values
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
