package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The tests work on a tiny module behind a proxy of files, in two lines that
// name it differently, with a series of two patches and a file of ours.

// tiny is a repository, and what a command in it prints.
type tiny struct {
	t    *testing.T
	root string
	out  bytes.Buffer
}

func tinyProject(root string) *project {
	p := &project{root: root, out: os.Stdout}
	for _, name := range []string{"v1", "v2"} {
		l := &line{project: p, name: name, pins: filepath.Join(root, "pins", name)}
		l.modules = []*module{{line: l, name: "tiny", path: tinyPath(name), dir: "series", packages: []string{"./..."}}}
		p.lines = append(p.lines, l)
	}
	return p
}

func tinyPath(line string) string {
	return map[string]string{"v1": "zoo.example/tiny", "v2": "new.example/a/tiny"}[line]
}

// TestMain is also the program itself, in a process that a test can kill.
func TestMain(m *testing.M) {
	if root := os.Getenv("SERIES_TEST_ROOT"); root != "" {
		if err := tinyProject(root).lines[1].command(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (r *tiny) line(name string) *line {
	l, err := tinyProject(r.root).line(name)
	if err != nil {
		r.t.Fatal(err)
	}
	r.out.Reset()
	l.out = &r.out
	return l
}

// run gives a command to line v2, must expects it to succeed.
func (r *tiny) run(arguments ...string) error {
	return r.line("v2").command(arguments[0], arguments[1:])
}

func (r *tiny) must(arguments ...string) {
	r.t.Helper()
	if err := r.run(arguments...); err != nil {
		r.t.Fatalf("%v: %v", arguments, err)
	}
}

// refuses expects a command to fail, and to say so.
func (r *tiny) refuses(words string, arguments ...string) {
	r.t.Helper()
	stderr := captured(r.t, func() {
		if err := r.run(arguments...); err == nil {
			r.t.Errorf("%v: accepted", arguments)
		} else {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	if !strings.Contains(stderr, words) {
		r.t.Errorf("%v: refused without the words %q:\n%s", arguments, words, stderr)
	}
}

func captured(t *testing.T, do func()) string {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = file
	do()
	os.Stderr = old
	file.Close()
	data, _ := os.ReadFile(file.Name())
	return string(data)
}

func (r *tiny) path(name string) string { return filepath.Join(r.root, name) }
func (r *tiny) tree(name string) string { return filepath.Join(r.root, "_build/v2/tiny", name) }

func (r *tiny) read(name string) string {
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *tiny) write(name, text string) {
	if err := writeFile(r.path(name), []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// edit replaces a text that must be there.
func (r *tiny) edit(name, old, new string) {
	r.t.Helper()
	text := r.read(name)
	if !strings.Contains(text, old) {
		r.t.Fatalf("%s has no %q", name, old)
	}
	r.write(name, strings.Replace(text, old, new, 1))
}

func (r *tiny) git(dir string, arguments ...string) string {
	r.t.Helper()
	out, err := repository(dir).gitWith([]string{
		"GIT_AUTHOR_NAME=tester", "GIT_AUTHOR_EMAIL=tester@localhost",
		"GIT_AUTHOR_DATE=1706832000 +0000", "GIT_COMMITTER_DATE=1706832000 +0000", "GIT_EDITOR=true",
	}, "", arguments...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

const trailers = "Reason: feature\nTests: tests/010-size.bats\nUpstream-Status: Pending\n"

// commit makes one of what is in the tree.
func (r *tiny) commit(subject, trailers string) { r.commitIn("_build/v2/tiny", subject, trailers) }

func (r *tiny) commitIn(tree, subject, trailers string) {
	r.git(r.path(tree), "add", "-A")
	r.git(r.path(tree), "commit", "-q", "-m", subject+"\n\nIt needs to.\n\n"+trailers)
}

const (
	size = "package tiny\n\n// Size is how big it is.\nfunc Size() int {\n\treturn 1\n}\n"
	// The older line has its imports in the other order.
	ours = "package tiny\n\nimport (\n\tnamed \"new.example/a/tiny/part\"\n\t\"os\"\n)\n\n" +
		"// Twice is twice the size.\nfunc Twice() int { return 2 * Size() * named.Of }\n\nvar _ = os.Args\n"
	oursInV1 = "import (\n\t\"os\"\n\tnamed \"zoo.example/tiny/part\"\n)\n"
	first    = "series/v2/0001-tiny-be-two.patch"
	twice    = "series/v2/0002-tiny-offer-twice.patch"
)

// proxy makes one with two versions of each line's module.
func proxy(t *testing.T, dir string) {
	for _, line := range []string{"v1", "v2"} {
		for version, word := range map[string]string{"v1.0.0": "how big", "v1.1.0": "how very big"} {
			at := filepath.Join(dir, tinyPath(line), "@v", version)
			mod := "module " + tinyPath(line) + "\n\ngo 1.22\n"
			var data bytes.Buffer
			w := zip.NewWriter(&data)
			for name, text := range map[string]string{
				"go.mod": mod, "vendor/modules.txt": "# all of vendor/\n", "part/part.go": "package part\n\nconst Of = 1\n",
				"tiny.go":      strings.ReplaceAll(size, "how big", word),
				"tiny_test.go": "package tiny\n\nimport \"testing\"\n\nfunc TestSize(t *testing.T) {\n\tif Size() < 1 {\n\t\tt.Fatal(\"too small\")\n\t}\n}\n",
			} {
				f, err := w.Create(tinyPath(line) + "@" + version + "/" + name)
				if err == nil {
					_, err = f.Write([]byte(text))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for suffix, text := range map[string]string{
				".info": fmt.Sprintf(`{"Version":%q,"Time":"2024-01-01T00:00:00Z"}`, version), ".mod": mod, ".zip": data.String(),
			} {
				if err := writeFile(at+suffix, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// good is a repository with a series of two in both lines, made as a user makes one.
func good(t *testing.T) *tiny {
	top := t.TempDir()
	proxy(t, filepath.Join(top, "proxy"))
	for key, value := range map[string]string{
		"GOPROXY": "file://" + filepath.Join(top, "proxy"), "GOSUMDB": "off", "GONOSUMDB": "*", "GOTOOLCHAIN": "local",
		"GOMODCACHE": filepath.Join(top, "cache"), "TAGS": "none", "LINE": "",
	} {
		t.Setenv(key, value)
	}
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", top).Run() })
	r := &tiny{t: t, root: filepath.Join(top, "good")}
	r.write("tests/010-size.bats", "# a test\n")
	r.write(".gitignore", "/_build/\n")
	for _, name := range []string{"v1", "v2"} {
		r.write("pins/"+name+"/go.mod", "module root.example/"+name+"\n\ngo 1.22\n\nrequire "+tinyPath(name)+" v1.0.0\n")
		r.write("pins/"+name+"/root.go", "package root\n\nimport _ \""+tinyPath(name)+"\"\n")
		if out, err := goCommand(r.path("pins/"+name), "off", "mod", "tidy").CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
	}
	r.write("go.mod", "module root.example\n\ngo 1.22\n")
	for _, name := range []string{"v1", "v2"} {
		do := func(command string) {
			if err := r.line(name).command(command, nil); err != nil {
				t.Fatal(err)
			}
		}
		do("lay")
		tree := "_build/" + name + "/tiny/"
		r.edit(tree+"tiny.go", "return 1", "return 2")
		r.commitIn(tree, "tiny: be two", trailers)
		r.edit(tree+"tiny.go", "2\n}\n", "2\n}\n\nvar _ = Twice\n")
		r.write(tree+"twice.go", ours)
		if name == "v1" {
			before, after, _ := strings.Cut(ours, "import (")
			_, after, _ = strings.Cut(after, ")\n")
			r.write(tree+"twice.go", before+oursInV1+after)
		}
		r.commitIn(tree, "tiny: offer twice", trailers)
		do("export")
	}
	r.git(r.root, "init", "-q")
	r.git(r.root, "add", "-A")
	return r
}

// copies gives a function that makes fresh copies of a good repository.
func copies(t *testing.T) func(t *testing.T) *tiny {
	r := good(t)
	n := 0
	return func(t *testing.T) *tiny {
		n++
		root := r.root + strconv.Itoa(n)
		if out, err := exec.Command("cp", "-a", r.root, root).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		return &tiny{t: t, root: root}
	}
}
