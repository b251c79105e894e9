package view

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// newest gives the server that this process started last.
func newest(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("pgrep", "-n", "-P", fmt.Sprint(os.Getpid()), "-x", helper.View).Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join("/proc", strings.TrimSpace(string(out)))
}

// fields reads a file of lines "name: value".
func fields(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(line, ":")
		f[name] = strings.TrimSpace(value)
	}
	return f
}

// confinedServer holds a running server against what package confine promises.
func confinedServer(t *testing.T, proc string, capabilities uint64) {
	t.Helper()
	own := fields(t, "/proc/self/status")
	filters, err := strconv.Atoi(own["Seccomp_filters"])
	if err != nil {
		t.Fatal(err)
	}
	threads, err := filepath.Glob(proc + "/task/*/status")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads %q, %v: this tests nothing", threads, err)
	}
	for _, thread := range threads {
		status := fields(t, thread)
		for name, want := range map[string]string{
			"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": fmt.Sprint(filters + 1),
			"CapEff": fmt.Sprintf("%016x", capabilities), "CapPrm": fmt.Sprintf("%016x", capabilities),
			"CapInh": "0000000000000000", "CapAmb": "0000000000000000",
		} {
			if status[name] != want {
				t.Errorf("%s has %s %q, want %q", thread, name, status[name], want)
			}
		}
	}
	want := strings.Join(append(helper.Environment(), ""), "\x00")
	if environment, err := os.ReadFile(proc + "/environ"); err != nil || string(environment) != want {
		t.Errorf("environment %q, %v", environment, err)
	}
	if cwd, err := os.Readlink(proc + "/cwd"); err != nil || cwd != "/" {
		t.Errorf("working directory %q, %v", cwd, err)
	}
	limits, err := os.ReadFile(proc + "/limits")
	if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("limits %s, %v; want no core dumps", limits, err)
	}
}

// settled waits until a server that has said that it is ready has let go of the
// pipe that it said it on, which is the last thing that it does before it serves.
func settled(t *testing.T, proc string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		names, err := filepath.Glob(proc + "/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		null := 0
		for _, name := range names {
			if target, _ := os.Readlink(name); target == os.DevNull {
				null++
			}
		}
		if null == 3 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d descriptors of %s, want the 3 standard files", null, os.DevNull)
		}
	}
}

// descriptors gives what a process has open, without the standard files and what
// the Go runtime waits with.
func descriptors(t *testing.T, proc string) (targets []string) {
	t.Helper()
	names, err := os.ReadDir(proc + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(proc, "fd", name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if fd, _ := strconv.Atoi(name.Name()); fd < 3 {
			if target != os.DevNull {
				t.Errorf("standard file %d is %q", fd, target)
			}
		} else if target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			targets = append(targets, target)
		}
	}
	slices.Sort(targets)
	return targets
}

func TestServedConfined(t *testing.T) {
	l := tree(t, "f=1")
	// What podman's caller left open: a file, and what the Go runtime has, too.
	leaked, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)
	event, err := unix.Eventfd(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(event)
	stack(t, spec.Spec{Layers: []spec.Layer{l}})
	proc := newest(t)
	settled(t, proc)
	confinedServer(t, proc, 1<<unix.CAP_DAC_READ_SEARCH)
	// The layer's directory may be open twice: it is listed ahead.
	if got, want := slices.Compact(descriptors(t, proc)), []string{"/dev/fuse", l.Path}; !slices.Equal(got, want) {
		t.Errorf("open are %q, want %q", got, want)
	}
	events, err := exec.Command("sh", "-c", "ls -l "+proc+"/fd | grep -c eventfd").Output()
	if err != nil || strings.TrimSpace(string(events)) != "1" {
		t.Errorf("%s eventfds are open, %v; want the runtime's own", events, err)
	}

	l.Overlay = true // only its holders see trusted.overlay.opaque
	stack(t, spec.Spec{Layers: []spec.Layer{l}})
	confinedServer(t, newest(t), 1<<unix.CAP_DAC_READ_SEARCH|1<<unix.CAP_SYS_ADMIN)
}

// A repository that was unmounted lazily and mounted again is another file system
// to Landlock: a view goes on while the layer is there.
func TestServedRemounted(t *testing.T) {
	repository := t.TempDir()
	path := layerPath(repository, "layer")
	mount := func(entries ...string) {
		t.Helper()
		if err := unix.Mount("none", repository, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(repository, unix.MNT_DETACH) })
		for _, entry := range append(entries, ".") {
			if err := os.MkdirAll(filepath.Join(filepath.Dir(path), entry), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	mount("layerfs/empty", "layerfs/later", "layerfs/last")
	dir := stack(t, spec.Spec{Layers: []spec.Layer{{Path: path}}})
	if err := unix.Unmount(repository, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, "later")); !errors.Is(err, unix.EIO) {
		t.Errorf("an empty directory, and no repository: %v, %v, want EIO", names, err)
	}
	mount("layerfs/empty")
	if names, err := os.ReadDir(filepath.Join(dir, "empty")); err != nil || len(names) > 0 {
		t.Errorf("an empty directory, with the repository mounted again: %v, %v", names, err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, "last")); !errors.Is(err, unix.EIO) {
		t.Errorf("an empty directory of a layer that is gone: %v, %v, want EIO", names, err)
	}
}
