package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == tracedName {
		fmt.Fprintln(os.Stderr, becomeTraced(os.Args[2:]))
		os.Exit(125)
	}
	os.Exit(m.Run())
}

// traced runs a shell script in dir, killed at a point, and returns the exit
// status and the points.
func traced(t *testing.T, dir string, kill int, script string) (int, []string) {
	t.Helper()
	return tracedAlone(t, dir, kill, "", script)
}

func tracedAlone(t *testing.T, dir string, kill int, alone, script string) (int, []string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, or a user namespace")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w, err := newWatch([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	tr := &tracer{watch: w, kill: kill, alone: alone, log: &log, known: map[int]bool{}}
	status, err := tr.run([]string{"sh", "-c", "cd " + dir + "\n" + script})
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.known) != 0 {
		t.Errorf("%d threads were never seen to end", len(tr.known))
	}
	return status, strings.Split(strings.TrimSpace(log.String()), "\n")
}

func names(t *testing.T, dir string) string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			name = fmt.Sprintf("%s:%d", name, info.Size())
		}
		found = append(found, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

// Whoever is killed at point N has done what comes before it, and no more; in
// children too, and in those that go on when their parent has ended.
func TestKill(t *testing.T) {
	const script = `echo one >x
		mkdir d
		echo two >>x; echo >>x
		cat x >/dev/null; echo no point >/dev/null
		(mv x d/x)
		sh -c 'ln -s x d/link; rm d/x' &
		exit 3`
	want := []string{"", "x:0", "x:4", "d x:4", "d x:9", "d d/x:9", "d d/link d/x:9", "d d/link"}
	status, points := traced(t, t.TempDir(), 0, script)
	if status != 3 || len(points) != len(want)-1 {
		t.Fatalf("status %d, points:\n%s", status, strings.Join(points, "\n"))
	}
	for n, left := range want {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			dir := t.TempDir()
			traced(t, dir, n+1, script)
			if got := names(t, dir); got != left {
				t.Errorf("killed at point %d (%s): %q is there, want %q", n+1, points[min(n, len(points)-1)], got, left)
			}
		})
	}
}

// What the command started goes on without it.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	status, _ := tracedAlone(t, dir, 1, filepath.Join(dir, "killed"), `
		while [ ! -e killed ]; do sleep 0.01; done && echo two >y &
		echo one >x; sleep 60`)
	if got, want := names(t, dir), "killed:0 y:4"; status != 137 || got != want {
		t.Errorf("status %d, want 137; %q is there, want %q", status, got, want)
	}
}

func TestStatus(t *testing.T) {
	if status, _ := traced(t, t.TempDir(), 1, "echo >x; exit 3"); status != 137 {
		t.Errorf("exit status %d of what was killed, want 137", status)
	}
}

// What comes often and changes nothing of interest is no point.
func TestNoPoint(t *testing.T) {
	for name, script := range map[string]string{
		"reading":           "cat x >/dev/null; ls >/dev/null",
		"elsewhere":         "echo >$TMPDIR/elsewhere; mkdir -p $TMPDIR/elsewhere.d",
		"opening":           ": >>x",
		"a lock":            "echo >>x.lock",
		"mounts of its own": "unshare --mount mount --bind . .",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			dir := t.TempDir()
			for _, file := range []string{"x", "x.lock"} {
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if status, points := traced(t, dir, 0, script); status != 0 || points[0] != "" {
				t.Errorf("status %d, points %q", status, points)
			}
		})
	}
}
