package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func (r *tiny) says(words string) {
	r.t.Helper()
	if !strings.Contains(r.out.String(), words) {
		r.t.Errorf("no %q in: %s", words, r.out.String())
	}
}

// A tree laid twice is the same commit, and laid again only if something changed.
func TestLay(t *testing.T) {
	r := good(t)
	r.must("lay")
	if r.out.Len() > 0 {
		t.Errorf("nothing to do, and said: %s", r.out.String())
	}
	head := r.git(r.tree("."), "rev-parse", "HEAD")
	if err := os.RemoveAll(r.tree(".")); err != nil {
		t.Fatal(err)
	}
	r.must("lay")
	if again := r.git(r.tree("."), "rev-parse", "HEAD"); again != head {
		t.Errorf("laid twice: %s, %s", head, again)
	}
	r.git(r.tree("."), "branch", "mine")
	r.edit("series/src/twice.go", "twice the size", "the size twice")
	r.must("lay")
	if !strings.Contains(r.read("_build/v2/tiny/twice.go"), "the size twice") {
		t.Error("a change of a source is not taken up")
	}
	r.git(r.tree("."), "rev-parse", "mine")
	if err := os.Remove(r.path(twice)); err != nil {
		t.Fatal(err)
	}
	r.must("lay")
	if n := r.git(r.tree("."), "rev-list", "--count", "HEAD"); n != "2" {
		t.Errorf("a shorter series: %s commits", n)
	}
}

// Both ways of changing a file of ours end in the same place, and every line has it.
func TestEditAnywhere(t *testing.T) {
	r := good(t)
	r.edit("_build/v1/tiny/twice.go", "twice the size", "the size twice")
	if err := r.line("v1").command("lay", nil); err != nil {
		t.Fatal(err)
	}
	r.says("using your uncommitted changes")
	if err := r.line("v1").command("export", nil); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(ours, "twice the size", "the size twice", 1)
	if got := r.read("series/src/twice.go"); got != want {
		t.Errorf("an edit in the tree of the older line became:\n%s\nwant:\n%s", got, want)
	}
	if s := r.git(r.path("_build/v1/tiny"), "status", "--porcelain"); s != "" {
		t.Errorf("what was exported is still work: %s", s)
	}
	r.must("lay")
	if !strings.Contains(r.read("_build/v2/tiny/twice.go"), "the size twice") {
		t.Error("the other line does not have the edit")
	}
	r.must("check")
}

// Work in a tree is used, counted and exported, and never lost.
func TestWork(t *testing.T) {
	fresh := copies(t)
	t.Run("hook", func(t *testing.T) {
		r := fresh(t)
		r.edit("_build/v2/tiny/tiny.go", "var _", "// mine\nvar _")
		r.must("lay")
		r.says("using your uncommitted changes")
		r.refuses("commit tiny.go", "export")
		r.must("describe")
		r.says("modified")
		r.commit("tiny: be mine", trailers)
		r.must("lay")
		r.says("using your commits")
		r.must("export")
		r.read("series/v2/0003-tiny-be-mine.patch")
		r.must("lay")
		if r.out.Len() > 0 {
			t.Errorf("exported, and still news: %s", r.out.String())
		}
		r.must("check")
		r.git(r.tree("."), "reset", "-q", "--hard", "HEAD~1")
		r.must("export")
		if fileExists(r.path("series/v2/0003-tiny-be-mine.patch")) {
			t.Error("the patch of a dropped commit stays")
		}
	})
	t.Run("new file", func(t *testing.T) {
		r := fresh(t)
		r.write("_build/v2/tiny/more.go", "package tiny\n")
		r.refuses("commit more.go", "export")
		r.commit("tiny: add more", trailers)
		r.must("export")
		if !strings.Contains(r.read("series/v2/0003-tiny-add-more.patch"), "\nAdds: more.go\nTests: ") || r.read("series/src/more.go") != "package tiny\n" {
			t.Error("a new file is not where it belongs")
		}
		r.must("check")
	})
	t.Run("both sides", func(t *testing.T) {
		r := fresh(t)
		r.edit("_build/v2/tiny/tiny.go", "var _", "// mine\nvar _")
		r.commit("tiny: be mine", trailers)
		r.edit("series/src/twice.go", "twice the size", "the size twice")
		r.refuses("both sides changed", "lay")
		r.must("export") // different things: both are kept
		if !strings.Contains(r.read("series/src/twice.go"), "the size twice") || !strings.Contains(r.read("_build/v2/tiny/tiny.go"), "mine") {
			t.Error("something is lost")
		}
	})
	t.Run("conflict", func(t *testing.T) {
		r := fresh(t)
		r.edit("_build/v2/tiny/twice.go", "twice the size", "mine")
		r.edit("series/src/twice.go", "twice the size", "the size twice")
		r.refuses("src/twice.go", "export")
		if !strings.Contains(r.read("series/src/twice.go"), "the size twice") || !strings.Contains(r.read("_build/v2/tiny/twice.go"), "mine") {
			t.Error("something is lost")
		}
		r.must("recover")
		if !strings.Contains(r.read("_build/v2/tiny/twice.go"), "the size twice") {
			t.Error("the tree is not laid again")
		}
		branch := strings.Fields(r.git(r.tree("."), "branch", "--list", "recovered/*"))[0]
		if !strings.Contains(r.git(r.tree("."), "show", branch+":twice.go"), "mine") {
			t.Error("what was set aside is lost")
		}
	})
	t.Run("clean", func(t *testing.T) {
		r := fresh(t)
		r.edit("_build/v2/tiny/tiny.go", "var _", "// mine\nvar _")
		r.must("clean")
		r.read("_build/v2/tiny/tiny.go")
		r.must("clean", "--force")
		if fileExists(r.tree(".")) {
			t.Error("force does not")
		}
	})
	t.Run("foreign tree", func(t *testing.T) {
		r := fresh(t)
		if err := os.Remove(r.tree(".git/series.json")); err != nil {
			t.Fatal(err)
		}
		r.refuses("was not laid by this program", "lay")
	})
}

func TestBump(t *testing.T) {
	fresh := copies(t)
	r := fresh(t)
	r.must("bump", "tiny", "v1.1.0")
	r.must("export")
	if !strings.Contains(r.read("_build/v2/tiny/tiny.go"), "very big") {
		t.Error("the tree is not of the new version")
	}
	r.must("check")

	r = fresh(t)
	r.edit("_build/v2/tiny/tiny.go", "how big", "how small")
	r.commit("tiny: be small", trailers)
	r.must("export")
	r.refuses("settle this in", "bump", "tiny", "v1.1.0")
	r.refuses("a rebase or am is under way", "export")
	text := strings.Split(r.read("_build/v2/tiny/tiny.go"), "\n")
	kept := []string{}
	for _, line := range text {
		if !strings.HasPrefix(line, "<<<<<<<") && !strings.HasPrefix(line, "=======") && !strings.HasPrefix(line, ">>>>>>>") && !strings.Contains(line, "very") {
			kept = append(kept, line)
		}
	}
	r.write("_build/v2/tiny/tiny.go", strings.Join(kept, "\n"))
	r.git(r.tree("."), "add", "tiny.go")
	r.git(r.tree("."), "rebase", "--continue")
	r.must("export")
	r.must("check")
}

// Killed at any of its calls of git, the next run puts a tree right.
func TestKilled(t *testing.T) {
	fresh := copies(t)
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for n := 0; ; n++ {
		r := fresh(t)
		r.edit("series/src/twice.go", "twice the size", "the size twice")
		bin := filepath.Join(t.TempDir(), "bin")
		killer := "#!/bin/sh\nleft=$(cat " + bin + "/left)\necho $((left - 1)) >" + bin + "/left\nif [ $left = 0 ]; then kill -9 $PPID; exit 1; fi\nexec " + git + " \"$@\"\n"
		if err := writeFile(filepath.Join(bin, "left"), []byte(strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "git"), []byte(killer), 0o755); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(os.Args[0], "lay")
		c.Env = append(os.Environ(), "SERIES_TEST_ROOT="+r.root, "PATH="+bin+":"+os.Getenv("PATH"))
		if c.Run() == nil {
			break
		}
		kills++
		r.must("lay")
		if got := r.git(r.tree("."), "rev-list", "--count", "HEAD") + r.git(r.tree("."), "status", "--porcelain"); got != "3" {
			t.Errorf("killed at call %d, the next run left: %s", n, got)
		}
		if left, _ := filepath.Glob(r.path("_build/v2/.tmp.*")); len(left) > 0 {
			t.Errorf("killed at call %d: %v is left", n, left)
		}
	}
	if kills < 6 {
		t.Errorf("killed %d times only", kills)
	}
}
