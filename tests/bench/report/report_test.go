package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const records = `
	{"part":"p","measure":"walk","variant":"served","unit":"s","value":4,"round":1}
	{"part":"p","measure":"walk","variant":"served","unit":"s","value":3,"round":2}
	{"part":"p","measure":"walk","variant":"served","unit":"s","value":8,"round":3}
	{"part":"p","measure":"walk","variant":"local","unit":"s","value":2,"round":1}
	{"part":"p","measure":"walk","variant":"local","unit":"s","value":2,"round":2}
	{"part":"p","measure":"memory","variant":"served","unit":"MB","value":4.5}
	{"part":"p","measure":"requests","variant":"served","unit":"","value":7}
	{"part":"pull","measure":"layers:1","variant":"served","unit":"s","value":3,"round":1}
	{"part":"pull","measure":"layers:1","variant":"floor","unit":"s","value":2,"round":1}
	{"part":"pull","measure":"layers:9","variant":"served","unit":"s","value":4,"round":1}
	{"part":"science","measure":"read, again","variant":"served","unit":"s","value":4,"round":1}
	{"part":"science","measure":"read, again","variant":"local","unit":"s","value":4,"round":1}
	{"part":"p","measure":"walk","variant":"other","unit":"s","note":"fails: no | way"}`

func targets(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "targets")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTables(t *testing.T) {
	var out strings.Builder
	if err := run(strings.NewReader(records), &out, options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"|          | local                 | served           | other           |\n", // the base leads, wherever it came
		"| walk     | 2.000 s (2.000-2.000) | 2.00 (1.50-4.00) | fails: no / way |\n",
		"| memory   | -                     | 4.50 MB          | -               |\n",
		"|          | floor                 | served ",
		"| layers:1 | 2.000 s (2.000-2.000) | 1.50 (1.50-1.50) ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	if err := run(strings.NewReader(`{"part":`), &out, options{}); err == nil {
		t.Error("a record that breaks off was reported")
	}
}

func TestTargets(t *testing.T) {
	for _, test := range []struct {
		target, verdict string
		missed, counts  bool
	}{
		// rounds that both have: 2 and 1.5, so 1.75 give or take 0.125
		{"p | walk | served | local | <= 1.8", "met", false, false},
		{"p | walk | served | local | <= 1.7", "within noise", false, false},
		{"p | walk | served | local | <= 1.6", "missed", true, false},
		{"p | walk | served | local | >= 1.9", "missed", true, false},
		{"p | walk | served | local | >= 1.7", "met", false, false},
		{"p | requests | served | - | <= 7", "met", false, true},
		{"p | requests | served | - | <= 6", "missed", true, true},
		{"p | memory | served | - | <= 4", "missed", true, false},
		{"p | walk | other | local | <= 4", "not measured", true, true},
		{"p | none | served | - | <= 4", "not measured", true, true},
	} {
		for _, counts := range []bool{false, true} {
			var out strings.Builder
			err := run(strings.NewReader(records), &out, options{targets: targets(t, "# all\n\n"+test.target+"\n"), counts: counts})
			if want := test.missed && (!counts || test.counts); errors.Is(err, errMissed) != want {
				t.Errorf("%s, counts %v: %v", test.target, counts, err)
			}
			if !strings.Contains(out.String(), "| "+test.verdict) {
				t.Errorf("%s: not %q:\n%s", test.target, test.verdict, out.String())
			}
		}
	}
	var out strings.Builder
	if err := run(strings.NewReader(records), &out, options{targets: targets(t, "other | x | served | - | <= 1\n")}); err != nil {
		t.Errorf("a part that was not measured: %v", err)
	}
	for _, bad := range []string{"p | walk | served | <= 1", "p | walk | served | - | < 1", "p | walk | served | - | <= x"} {
		err := run(strings.NewReader(records), &out, options{targets: targets(t, "\n"+bad+"\n")})
		if err == nil || errors.Is(err, errMissed) || !strings.Contains(err.Error(), "targets:2: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The project's own list can be read.
func TestTargetList(t *testing.T) {
	list, err := readTargets("../targets")
	if err != nil || len(list) == 0 {
		t.Errorf("%d targets, %v", len(list), err)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	about := filepath.Join(dir, "bench.json")
	raw := `{"machine":{"kernel":"6.1","processor":"EPYC","cpus":2,"memory":8589934592},"versions":{"podman":"4.9.5","none":""},"rounds":3}`
	if err := os.WriteFile(about, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(strings.NewReader(records), &out, options{about: about, dir: dir}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "pull.png", "pull.svg", "work.png", "work.svg"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "start.png")); err == nil {
		t.Error("what was not measured is drawn")
	}
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Linux 6.1, 2 × EPYC, 8 GiB", "Versions: podman 4.9.5.\n", "![pull](pull.svg)", out.String()} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not in:\n%s", want, page)
		}
	}
	if strings.Contains(string(page), "start.svg") {
		t.Error("the page shows a plot that is not there")
	}
	if err := run(strings.NewReader(records), &out, options{dir: dir}); err == nil {
		t.Error("a page was written of a run that nothing is known about")
	}
}

func TestNoise(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 0}, {[]float64{1, 2}, 0.25}, {[]float64{9, 1, 2, 3, 4}, 1}} {
		if got := noise(test.values); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("noise of %v: %v, want %v", test.values, got, test.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, spread{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9, 4}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spread of %v: got %+v, expected %+v", test.values, got, test.want)
		}
	}
}
