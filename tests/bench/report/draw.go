package main

import (
	"fmt"
	"image/color"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// names are what the plots call the variants.
var names = map[string]string{
	"local": "podman pull", "served": "podman pull --cvmfs", "floor": "image is there already",
	"program": "--cvmfs, fuse-overlayfs", "peer": "fuse-overlayfs on the repository", "squashfs": "squashfs of the image",
	"store-fuse": "image store, fuse-overlayfs", "stargz": "stargz-store",
}

// colours keeps each variant's the same in all plots.
var colours = []string{"local", "served", "floor", "peer", "squashfs", "program", "store-fuse", "stargz"}

func colour(variant string) color.Color { return plotutil.Color(slices.Index(colours, variant)) }

// newPlot has room between its lines of text.
func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, vg.Millimeter
	p.Legend.Top, p.Legend.Padding = true, vg.Millimeter
	return p
}

// line is one of a variant, by another name than the variant's where it has one.
type line struct {
	variant, name string
	points        plotter.XYs
	dashed        bool
}

func addLines(p *plot.Plot, lines []line) error {
	for _, l := range lines {
		drawn, marks, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return err
		}
		drawn.Color, marks.Color, marks.Shape = colour(l.variant), colour(l.variant), plotutil.Shape(slices.Index(colours, l.variant))
		if l.dashed {
			drawn.Dashes = plotutil.Dashes(1)
		}
		p.Add(drawn, marks)
		name := l.name
		if name == "" {
			name = names[l.variant]
		}
		p.Legend.Add(name, drawn, marks)
	}
	return nil
}

// draw writes what can be drawn of the parts that were measured, and returns
// the plots' names.
func draw(dir string, byPart map[string]*table) ([]string, error) {
	var drawn []string
	for _, p := range []struct {
		part, file string
		draw       func(*table) (*plot.Plot, error)
	}{
		{"pull", "pull", pulls},
		{"start", "start", func(t *table) (*plot.Plot, error) {
			return ratios(t, "Start of a container", regexp.MustCompile(`^((?:nothing|true), (?:plain|keep-id|single-id))$`))
		}},
		{"peers", "peers", func(t *table) (*plot.Plot, error) {
			return ratios(t, "Beside other ways: a new container", regexp.MustCompile(`^(start of true|import|fit), new mount$`))
		}},
		{"science", "work", func(t *table) (*plot.Plot, error) {
			return ratios(t, "Work in a container, again", regexp.MustCompile(`^(.*), again$`))
		}},
		{"science", "work-new-mount", func(t *table) (*plot.Plot, error) {
			return ratios(t, "Work in a new container", regexp.MustCompile(`^(.*), new mount$`))
		}},
		{"pull", "cluster", func(*table) (*plot.Plot, error) { return clusters(byPart) }},
		{"scale", "scale-layers", func(t *table) (*plot.Plot, error) { return scales(t, "layers") }},
		{"scale", "scale-files", func(t *table) (*plot.Plot, error) { return scales(t, "files") }},
		{"scale", "scale-bytes", func(t *table) (*plot.Plot, error) { return scales(t, "MB") }},
		{"scale", "scale-latency", func(t *table) (*plot.Plot, error) { return scales(t, "ms a call") }},
		{"scale", "scale-containers", func(t *table) (*plot.Plot, error) { return scales(t, "containers") }},
	} {
		t := byPart[p.part]
		if t == nil {
			continue
		}
		plotted, err := p.draw(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		if plotted == nil {
			continue
		}
		for _, kind := range []string{"png", "svg"} {
			if err := plotted.Save(18*vg.Centimeter, 10*vg.Centimeter, filepath.Join(dir, p.file+"."+kind)); err != nil {
				return nil, err
			}
		}
		drawn = append(drawn, p.file)
	}
	return drawn, nil
}

var layersRow = regexp.MustCompile(`^layers:(\d+)$`)

// pulls draws seconds over layers, a line for each variant.
func pulls(t *table) (*plot.Plot, error) {
	p := newPlot("Pull of an image with this many layers")
	p.X.Label.Text, p.Y.Label.Text = "layers", "seconds"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Left = true
	var lines []line
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
			lines = append(lines, line{variant: variant, points: points})
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	return p, addLines(p, lines)
}

// scales draws seconds over layers, files and so on, a line for each variant
// and each of pull and start.
func scales(t *table, over string) (*plot.Plot, error) {
	match := regexp.MustCompile(`^(pull|start), (\d+) ` + over + `$`)
	p := newPlot("Pull and start against " + over)
	p.X.Label.Text, p.Y.Label.Text = over, "seconds"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Left = true
	var lines []line
	for _, variant := range t.columns {
		points := map[string]plotter.XYs{}
		for _, row := range t.rows {
			m := match.FindStringSubmatch(row)
			values := t.of(row, variant)
			if m == nil || len(values) == 0 {
				continue
			}
			n, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, err
			}
			points[m[1]] = append(points[m[1]], plotter.XY{X: float64(n), Y: spreadOf(values).median})
		}
		for _, what := range []string{"pull", "start"} {
			if len(points[what]) > 0 {
				lines = append(lines, line{variant, what + ": " + names[variant], points[what], what == "start"})
			}
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	if over == "files" || over == "MB" {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	return p, addLines(p, lines)
}

// ratios draws bars: medians as ratios to the base, for the rows that match;
// the match's first group names them.
func ratios(t *table, title string, match *regexp.Regexp) (*plot.Plot, error) {
	p := newPlot(title)
	p.Y.Label.Text = "time / time with ordinary layers"
	p.Y.Min = 0
	var rows, labels []string
	for _, row := range t.rows {
		if m := match.FindStringSubmatch(row); m != nil && t.unit[row] == "s" {
			rows, labels = append(rows, row), append(labels, m[1])
		}
	}
	// Neither the base, nor what cannot do any of it.
	variants := slices.DeleteFunc(slices.Clone(t.columns), func(v string) bool {
		return v == t.base || names[v] == "" || !slices.ContainsFunc(rows, func(row string) bool { return len(t.of(row, v)) > 0 })
	})
	if len(rows) == 0 || len(variants) == 0 {
		return nil, nil
	}
	width := vg.Length(36 / len(variants))
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
		bars.Color = colour(variant)
		bars.Offset = width * vg.Length(float64(i)-float64(len(variants)-1)/2)
		p.Add(bars)
		p.Legend.Add(names[variant], bars)
	}
	one := plotter.NewFunction(func(float64) float64 { return 1 })
	p.Add(one)
	p.NominalX(labels...)
	p.X.Min, p.X.Max = -0.5, float64(len(rows))-0.5
	p.Y.Max *= 1.2 // the legend's room
	return p, nil
}
