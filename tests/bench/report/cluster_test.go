package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSeconds(t *testing.T) {
	c := cluster{link: 100, rate: 10}
	for _, test := range []struct {
		name  string
		nodes int
		node  node
		want  float64
	}{
		{"a node by itself", 1, node{seconds: 3, registry: work{200, 2}}, 3},
		{"the registry's link", 4, node{seconds: 3, registry: work{200, 2}}, 8},
		{"the registry's requests", 100, node{seconds: 3, registry: work{1, 2}}, 20},
		{"the proxy's link", 10, node{seconds: 3, registry: work{1, 1}, proxy: work{70, 1}}, 7},
		{"the proxy's requests", 10, node{seconds: 3, registry: work{1, 1}, proxy: work{1, 5}}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := c.seconds(test.nodes, test.node); got != test.want {
				t.Errorf("got %v seconds, want %v", got, test.want)
			}
		})
	}
}

const oneNode = `
	{"part":"pull","measure":"science","variant":"local","unit":"s","value":20}
	{"part":"pull","measure":"science: from the registry","variant":"local","unit":"B","value":125000000}
	{"part":"pull","measure":"science: requests to the registry","variant":"local","unit":"","value":12}
	{"part":"pull","measure":"science","variant":"served","unit":"s","value":0.25}
	{"part":"pull","measure":"science: from the registry","variant":"served","unit":"B","value":3000}
	{"part":"pull","measure":"science: requests to the registry","variant":"served","unit":"","value":3}
	{"part":"start","measure":"true, plain, cold","variant":"local","unit":"s","value":0.5}
	{"part":"start","measure":"true, plain, cold","variant":"served","unit":"s","value":0.25}
	{"part":"start","measure":"true, plain, cold: bytes read","variant":"served","unit":"B","value":1250000}`

const filesOpened = `
	{"part":"start","measure":"true, plain, cold: files opened","variant":"served","unit":"","value":9}`

func TestCluster(t *testing.T) {
	var out strings.Builder
	if err := run(strings.NewReader(oneNode), &out, options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "model") {
		t.Errorf("a model of what was not measured:\n%s", out.String())
	}
	dir := t.TempDir()
	about := filepath.Join(dir, "bench.json")
	if err := os.WriteFile(about, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := run(strings.NewReader(oneNode+filesOpened), &out, options{about: about, dir: dir}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"cluster, a model",
		"| 100   | 20.5 s      | 0.9 s   | 12.5 GB         | 0.0003 GB    |\n", // the proxy's requests
		"| 10000 | 1000.0 s    | 90.0 s  | 1250.0 GB       | 0.0300 GB    |\n", // the registry's link, the proxy's requests
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "cluster.svg")); err != nil || st.Size() == 0 {
		t.Errorf("cluster.svg: %v", err)
	}
}

// A line each for pull and start, of what was measured.
func TestScales(t *testing.T) {
	_, byPart, err := tables(strings.NewReader(`
		{"part":"scale","measure":"pull, 1 layers","variant":"served","unit":"s","value":1}
		{"part":"scale","measure":"pull, 9 layers","variant":"served","unit":"s","value":2}
		{"part":"scale","measure":"start, 9 layers","variant":"local","unit":"s","value":2}`))
	if err != nil {
		t.Fatal(err)
	}
	for over, want := range map[string]bool{"layers": true, "files": false} {
		if p, err := scales(byPart["scale"], over); err != nil || (p != nil) != want {
			t.Errorf("over %s: a plot: %v, %v", over, p != nil, err)
		}
	}
}
