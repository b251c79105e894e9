package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// A cluster is a model, fed with what this run measured of one node: N nodes
// ask at the same moment for one image, and start it. A server works off what
// they ask of it at its rate, and nothing else holds them up, so that
//
//	seconds = max(a node's own, N × bytes / link, N × requests / rate)
//
// over both servers. It is a lower bound (the bottleneck law): queues, lost
// packets, and what a proxy fetches once are not in it.
type cluster struct {
	link float64 // bytes a second that a server sends
	rate float64 // requests a second that it answers
}

// assumed are figures of one machine with 10 Gbit/s, the same for registry and
// proxy, so that none is favoured.
var assumed = cluster{link: 10e9 / 8, rate: 1000}

// node is what one node takes, and asks of registry and proxy.
type node struct {
	seconds         float64
	registry, proxy work
}

type work struct{ bytes, requests float64 }

// sizes are the numbers of nodes that are shown.
var sizes = []int{1, 10, 100, 1000, 10000}

func (c cluster) seconds(nodes int, n node) float64 {
	s := n.seconds
	for _, w := range []work{n.registry, n.proxy} {
		s = max(s, float64(nodes)*w.bytes/c.link, float64(nodes)*w.requests/c.rate)
	}
	return s
}

// nodeOf reads a node of this variant from the run; false where the run did not
// measure all of it.
func nodeOf(byPart map[string]*table, variant string) (node, bool) {
	known := true
	median := func(part, measure string) float64 {
		if byPart[part] == nil {
			known = false
			return 0
		}
		s := spreadOf(byPart[part].of(measure, variant))
		known = known && s.n > 0
		return s.median
	}
	n := node{
		seconds:  median("pull", "science") + median("start", "true, plain, cold"),
		registry: work{median("pull", "science: from the registry"), median("pull", "science: requests to the registry")},
	}
	if variant != local {
		n.proxy = work{median("start", "true, plain, cold: bytes read"), median("start", "true, plain, cold: files opened")}
	}
	return n, known
}

// printCluster prints the model's table, where the run has what it is fed with.
func printCluster(out io.Writer, byPart map[string]*table) error {
	ordinary, known := nodeOf(byPart, local)
	served, also := nodeOf(byPart, "served")
	if !known || !also {
		return nil
	}
	fmt.Fprintf(out, "## cluster, a model\n\nSeconds until the last of N nodes that ask at once has the science image and has run `true`: a lower bound, by the slowest of a\n"+
		"node's own %.2f s (--cvmfs: %.2f s) and of what one registry and one CVMFS proxy can do, which each send %.0f Gbit/s and answer %.0f\n"+
		"requests a second (assumed). Measured for each node: %s bytes in %s requests of the registry; with --cvmfs %s in %s, and %s bytes of\n"+
		"%s files of the repository.\n\n", ordinary.seconds, served.seconds, assumed.link*8/1e9, assumed.rate,
		number(ordinary.registry.bytes), number(ordinary.registry.requests), number(served.registry.bytes), number(served.registry.requests),
		number(served.proxy.bytes), number(served.proxy.requests))
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "| nodes\t| podman pull\t| --cvmfs\t| of the registry\t| with --cvmfs\t|\n| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t|\n")
	for _, n := range sizes {
		fmt.Fprintf(w, "| %d\t| %.1f s\t| %.1f s\t| %.1f GB\t| %.4f GB\t|\n", n, assumed.seconds(n, ordinary), assumed.seconds(n, served),
			float64(n)*ordinary.registry.bytes/1e9, float64(n)*served.registry.bytes/1e9)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}

// clusters draws the model; nil where the run has not what it is fed with.
func clusters(byPart map[string]*table) (*plot.Plot, error) {
	p := newPlot("N nodes pull and start one image at once (a model)")
	p.X.Label.Text, p.Y.Label.Text = "nodes", "seconds, at least"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Left = true
	var lines []line
	for _, variant := range []string{local, "served"} {
		n, known := nodeOf(byPart, variant)
		if !known {
			return nil, nil
		}
		var points plotter.XYs
		for _, size := range sizes {
			points = append(points, plotter.XY{X: float64(size), Y: assumed.seconds(size, n)})
		}
		lines = append(lines, line{variant: variant, points: points})
	}
	return p, addLines(p, lines)
}
