package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func lines(format string, n int) string {
	text := ""
	for i := range n {
		text += fmt.Sprintf(format+"\n", i, i)
	}
	return text
}

// A check that cannot fail is a defect: each kind of damage is refused, in
// words that name it.
func TestCheckRefuses(t *testing.T) {
	amend := func(trailers string) func(r *tiny) {
		return func(r *tiny) {
			r.git(r.tree("."), "add", "-A")
			r.git(r.tree("."), "commit", "-q", "--amend", "-m", "tiny: offer twice\n\nIt needs to.\n\n"+trailers)
			r.must("export")
		}
	}
	edit := func(name, old, new string) func(r *tiny) { return func(r *tiny) { r.edit(name, old, new) } }
	header := func(old, new string) func(r *tiny) { return edit(twice, old, new) }
	write := func(name, text string) func(r *tiny) { return func(r *tiny) { r.write(name, text) } }
	fresh := copies(t)
	for _, c := range []struct {
		name   string
		damage []func(r *tiny)
		words  string // "" where the check passes
		flag   string
	}{
		{name: "good", flag: "--test"},
		{"no reason", []func(*tiny){header("Reason: feature\n", "")}, "no Reason: line", ""},
		{"unknown reason", []func(*tiny){header("Reason: feature", "Reason: because")}, "because is none of", ""},
		{"no tests", []func(*tiny){header("Tests: tests/010-size.bats\n", "")}, "no Tests: line", ""},
		{"test that is not there", []func(*tiny){header("010-size", "011-size")}, "011-size.bats does not exist", ""},
		{"test elsewhere", []func(*tiny){header("tests/010-size.bats", "../../etc/passwd")}, "not a path in the repository", ""},
		{"upstream's own test", []func(*tiny){header("tests/010-size.bats", "tiny_test.go")}, "tiny_test.go does not exist", ""},
		{"submitted nowhere", []func(*tiny){header("Status: Pending", "Status: Submitted")}, "Submitted is none of", ""},
		{"no word on why", []func(*tiny){header("It needs to.\n", "")}, "does not say what changes and why", ""},
		{"fixup", []func(*tiny){
			edit("_build/v2/tiny/tiny.go", "var _", "var more int\n\nvar _"),
			func(r *tiny) { r.commit("fixup! tiny: be two", trailers); r.must("export") },
		}, "still to be folded", ""},
		{"gap in the numbers", []func(*tiny){func(r *tiny) { _ = os.Rename(r.path(twice), r.path("series/v2/0003-tiny-offer-twice.patch")) }}, "expected number 0002", ""},
		{"stray file among patches", []func(*tiny){write("series/v2/notes.txt", "x")}, "only *.patch belongs here", ""},
		{"stray file", []func(*tiny){write("series/notes.txt", "x")}, "notes.txt: only src", ""},
		{"stray line", []func(*tiny){write("series/src.v9/a.go", "package a\n")}, "src.v9: only src", ""},
		{name: "prose beside the patches", damage: []func(*tiny){write("series/cover.md", "x")}},
		{"upstream file in the repository", []func(*tiny){func(r *tiny) { r.write("copied_test.go", r.read("_build/v2/tiny/tiny_test.go")) }}, "copied_test.go: the same as", ""},
		{"patch edited by hand", []func(*tiny){header("\nindex ", "\nindex 1")}, "comes out different", ""},
		{"patch that does not apply", []func(*tiny){edit(first, "\n-\treturn 1", "\n-\treturn 7")}, "does not apply", ""},
		{"patch that does not build", []func(*tiny){edit("series/src/twice.go", "Twice() int {", "Twice() string {")}, "does not build", ""},
		{"file that nothing adds", []func(*tiny){write("series/src/other.go", "package tiny\n")}, "comes with no patch", ""},
		{"file that is not there", []func(*tiny){header("Adds: twice.go", "Adds: twice.go thrice.go")}, "\"thrice.go\": file does not exist", ""},
		{"file that upstream has", []func(*tiny){header("Adds: twice.go", "Adds: twice.go tiny_test.go"), write("series/src/tiny_test.go", "package tiny\n")}, "upstream, or an earlier patch, has tiny_test.go", ""},
		{"file for all and for one line", []func(*tiny){func(r *tiny) { r.write("series/src.v2/twice.go", r.read("series/src/twice.go")) }}, "keep one", ""},
		{"tests that do not build", []func(*tiny){write("_build/v2/tiny/more_test.go", "package tiny\n\nvar _ = NotThere\n"), amend(trailers)}, "tests do not build", ""},
		{name: "failing test that is not asked for", damage: []func(*tiny){edit("_build/v2/tiny/tiny.go", "return 2", "return 0"), amend(trailers)}},
		{"failing test", []func(*tiny){edit("_build/v2/tiny/tiny.go", "return 2", "return 0"), amend(trailers)}, "tests fail", "--test"},
		{"long hook", []func(*tiny){edit("_build/v2/tiny/tiny.go", "var _", lines("var v%d = %d", 160)+"\nvar _"), amend(trailers)}, "more than 150", ""},
		{name: "long hook that argues", damage: []func(*tiny){edit("_build/v2/tiny/tiny.go", "var _", lines("var v%d = %d", 160)+"\nvar _"), amend("Size-Reason: a table\n" + trailers)}},
		{name: "test of ours", damage: []func(*tiny){write("_build/v2/tiny/more_test.go", "package tiny\n"), amend(strings.Replace(trailers, "Tests: ", "Tests: more_test.go, ", 1))}},
		{"hash that go.sum does not have", []func(*tiny){func(r *tiny) {
			sum := r.read("pins/v2/go.sum")
			r.write("pins/v2/go.sum", strings.ReplaceAll(sum, "h1:", "h1:AAAA")[:len(sum)])
		}}, "SECURITY ERROR", ""},
		{"replaced module", []func(*tiny){func(r *tiny) {
			r.write("elsewhere/go.mod", "module "+tinyPath("v2")+"\n")
			r.write("pins/v2/go.mod", r.read("pins/v2/go.mod")+"\nreplace "+tinyPath("v2")+" => ../../elsewhere\n")
		}}, "go.mod replaces", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fresh(t)
			for _, damage := range c.damage {
				damage(r)
			}
			arguments := append([]string{"check"}, strings.Fields(c.flag)...)
			if c.words == "" {
				r.must(arguments...)
			} else {
				r.refuses(c.words, arguments...)
			}
		})
	}
}

// A check that passed is not made again for what is as it was.
func TestCheckChanged(t *testing.T) {
	r := good(t)
	r.must("check", "--changed")
	r.must("check", "--changed")
	if !strings.Contains(r.out.String(), "passed before") {
		t.Errorf("the second check: %s", r.out.String())
	}
	r.edit("series/src/twice.go", "twice the size", "the size twice")
	r.must("check", "--changed")
	if strings.Contains(r.out.String(), "passed before") {
		t.Errorf("a change was not checked")
	}
}

// The RPM's spec follows the series.
func TestSpec(t *testing.T) {
	fresh := copies(t)
	spec := func(r *tiny) {
		r.write("rpm/podman-cvmfs.spec", "Name: tiny\n"+blockBegin+"versions\n"+blockEnd+"\n"+blockBegin+"patches\n"+blockEnd+
			"\n%prep\n"+blockBegin+"prep\n"+blockEnd+"\n%build\n")
	}
	first := func(r *tiny, arguments ...string) error {
		return r.line("v1").command(arguments[0], arguments[1:])
	}
	r := fresh(t)
	spec(r)
	if err := first(r, "spec", "--check"); err == nil || !strings.Contains(err.Error(), "spec:3 is not in step") {
		t.Errorf("a spec without the series: %v", err)
	}
	if err := first(r, "spec"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"%global tiny_version 1.0.0\n", "# tiny: be two (feature)\n# It needs to.\nPatch1001: tiny-0001-tiny-be-two.patch\n# tiny: offer twice",
		"%patch -P 1002 -p1 -d _build/tiny\n", "\n%build\n",
	} {
		if !strings.Contains(r.read("rpm/podman-cvmfs.spec"), want) {
			t.Errorf("the spec has no %q", want)
		}
	}
	if err := first(r, "check"); err != nil {
		t.Error(err)
	}
	r.edit("rpm/podman-cvmfs.spec", "# It needs to.", "# It need not.")
	if err := first(r, "check"); err == nil {
		t.Error("another reason is accepted")
	}
	r.edit("rpm/podman-cvmfs.spec", "-d _build/tiny\n"+blockEnd, "-d _build/tiny\n")
	if err := first(r, "spec"); err == nil || !strings.Contains(err.Error(), "no end of block") {
		t.Errorf("a block without an end: %v", err)
	}
}

// A file of ours has the import paths of each line, sorted as gofmt does.
func TestFiles(t *testing.T) {
	r := good(t)
	for line, want := range map[string]string{"v1": oursInV1, "v2": ours} {
		dir := filepath.Join(t.TempDir(), line)
		if err := r.line(line).command("files", []string{"tiny", dir}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "twice.go"))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, %v", line, got, err)
		}
	}
}
