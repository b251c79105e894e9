package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// draw writes what can be drawn of the parts that were measured.
func draw(dir string, byPart map[string]*table) error {
	for _, p := range []struct {
		part, file string
		draw       func(*table) (*plot.Plot, error)
	}{
		{"pull", "pull", pulls},
		{"start", "start", func(t *table) (*plot.Plot, error) {
			return ratios(t, "Start of a container", regexp.MustCompile(`^(nothing|true), (plain|keep-id)$`))
		}},
		{"science", "work", func(t *table) (*plot.Plot, error) {
			return ratios(t, "Work in a container", regexp.MustCompile(`, (again|new mount)$`))
		}},
	} {
		t := byPart[p.part]
		if t == nil {
			continue
		}
		drawn, err := p.draw(t)
		if err != nil {
			return fmt.Errorf("%s: %w", p.part, err)
		}
		for _, kind := range []string{"png", "svg"} {
			if err := drawn.Save(18*vg.Centimeter, 10*vg.Centimeter, filepath.Join(dir, p.file+"."+kind)); err != nil {
				return err
			}
		}
	}
	return nil
}

var layersRow = regexp.MustCompile(`^layers:(\d+)$`)

// pulls draws seconds over layers, a line for each variant.
func pulls(t *table) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = "Pull of an image with this many layers"
	p.X.Label.Text, p.Y.Label.Text = "layers", "seconds"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	names := map[string]string{"local": "podman pull", "served": "podman pull --cvmfs", "floor": "image is there already"}
	var lines []any
	for _, variant := range t.columns {
		var points plotter.XYs
		for _, row := range t.rows {
			if m := layersRow.FindStringSubmatch(row); m != nil {
				n, err := strconv.Atoi(m[1])
				if err != nil {
					return nil, err
				}
				if values := t.of(row, variant); len(values) > 0 {
					points = append(points, plotter.XY{X: float64(n), Y: spreadOf(values).median})
				}
			}
		}
		if len(points) > 0 {
			lines = append(lines, names[variant], points)
		}
	}
	return p, plotutil.AddLinePoints(p, lines...)
}

// ratios draws bars: medians as ratios to the base, for the rows that match.
func ratios(t *table, title string, match *regexp.Regexp) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	p.Y.Label.Text = "time / time with ordinary layers"
	p.Y.Min = 0
	p.Legend.Top = true
	var rows []string
	for _, row := range t.rows {
		if t.unit[row] == "s" && match.MatchString(row) {
			rows = append(rows, row)
		}
	}
	names := map[string]string{"served": "--cvmfs", "program": "--cvmfs, fuse-overlayfs", "peer": "fuse-overlayfs on the repository"}
	variants := slices.DeleteFunc(slices.Clone(t.columns), func(v string) bool { return names[v] == "" })
	const width = vg.Length(12)
	for i, variant := range variants {
		var values plotter.Values
		for _, row := range rows {
			base := spreadOf(t.of(row, t.base)).median
			if base == 0 {
				return nil, fmt.Errorf("%q was not measured with %s", row, t.base)
			}
			values = append(values, spreadOf(t.of(row, variant)).median/base)
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return nil, err
		}
		bars.Color = plotutil.Color(i)
		bars.Offset = width * vg.Length(float64(i)-float64(len(variants)-1)/2)
		p.Add(bars)
		p.Legend.Add(names[variant], bars)
	}
	one := plotter.NewFunction(func(float64) float64 { return 1 })
	p.Add(one)
	p.NominalX(rows...)
	p.X.Min, p.X.Max = -0.5, float64(len(rows))-0.5
	p.Y.Max *= 1.2 // the legend's room
	return p, nil
}
