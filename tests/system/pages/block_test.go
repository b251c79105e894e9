package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const page = `# Page

Text, and then a command:

    one=1
    # still the same

    echo $one

<!-- prints -->

    1

    - no list

<!-- file: /etc/x.conf -->

    [table]

<!-- not run: needs Slurm -->

    sbatch job

<!-- shell: admin -->
<!-- fails -->

` + "```sh\nfalse\n```\n\n- item\n  continued\n\nEnd.\n"

func TestParse(t *testing.T) {
	blocks, err := parse(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 5, text: "one=1\n# still the same\n\necho $one", kind: command},
		{line: 12, text: "1\n\n- no list", kind: output},
		{line: 18, text: "[table]", kind: file, name: "/etc/x.conf"},
		{line: 22, text: "sbatch job", kind: skipped, why: "needs Slurm"},
		{line: 27, text: "false", kind: command, shell: "admin", fails: true},
	}
	if len(blocks) != len(want) {
		t.Fatalf("%d blocks: %+v", len(blocks), blocks)
	}
	for i, b := range blocks {
		if b != want[i] {
			t.Errorf("block %d is %+v, want %+v", i, b, want[i])
		}
	}
}

func TestParseRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a reason is missing":           "<!-- not run: -->\n\n    x",
		"a slip in a mark":              "<!-- Prints: -->\n\n    x",
		"no block below":                "<!-- not run: why -->\n\ntext\n\n    x",
		"no block at all":               "<!-- not run: why -->\n",
		"two things":                    "<!-- not run: why -->\n<!-- file: y -->\n\n    x",
		"a file that fails":             "<!-- file: y -->\n<!-- fails -->\n\n    x",
		"output of nothing":             "<!-- prints -->\n\n    x",
		"output of a file":              "<!-- file: y -->\n\n    x\n\n<!-- prints -->\n\n    x",
		"output of another shell":       "    x\n\n<!-- shell: y -->\n<!-- prints -->\n\n    x",
		"a fence that is not closed":    "```sh\nx\n",
		"a mark that is not understood": "<!-- run as: root -->\n\n    x",
	} {
		if blocks, err := parse(text); err == nil {
			t.Errorf("%s: %+v", name, blocks)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		printed, text string
		ok            bool
	}{
		{"a\nb\nc\n", "a\nc", true},
		{"a\nb\nc\n", "c\na", false},
		{"a\n", "a\na", false},
		{"blob sha256:12 done\n", "blob sha256:… done", true},
		{"blob sha256:12 gone\n", "blob sha256:… done", false},
		{"TYPE      SIZE  \n", "TYPE SIZE", true},
		{"(a.b)\n", "(a.b)", true},
		{"(axb)\n", "(a.b)", false},
		{"before a\n", "a", false},
		{"", "…x", false},
	} {
		if missing, ok := holds(c.printed, c.text); ok != c.ok {
			t.Errorf("%q holds %q: %v, %q", c.printed, c.text, ok, missing)
		}
	}
}

// runs are the pages whose commands the tests run.
var runs = []string{
	"README.md", "docs/admin.md", "docs/publish.md", "docs/shared-store.md", "docs/troubleshooting.md", "docs/user.md",
}

func TestPagesAreRun(t *testing.T) {
	test := read(t, "tests/system/172-node.bats") + read(t, "tests/system/174-pages.bats")
	for _, path := range runs {
		blocks, err := parse(read(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, b := range blocks {
			call := "page_run " + path + " " + b.shell
			if b.shell == "" {
				call = "page_run " + path + ` ""`
			}
			if (b.kind == command || b.kind == file) && !strings.Contains(test, call) {
				t.Errorf("%s, line %d: neither marked nor run: no %q in 172 and 174", path, b.line, call)
			}
		}
	}
}

// TestLinks: what pages lead to is there.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(checkout, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	pages = append(pages, filepath.Join(checkout, "README.md"), filepath.Join(checkout, "CONTRIBUTING.md"))
	count := 0
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links(string(text)) {
			count++
			target, anchor, _ := strings.Cut(link, "#")
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if anchor == "" {
				continue
			}
			there, err := os.ReadFile(to)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			} else if !anchors(string(there))[anchor] {
				t.Errorf("%s: %s has no heading %q", path, to, anchor)
			}
		}
	}
	if count < 20 {
		t.Errorf("%d links: the pages are read wrongly", count)
	}
}
