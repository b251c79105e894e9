package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestBadMounts(t *testing.T) {
	dir := scratch(t)
	must(t, os.MkdirAll(filepath.Join(dir, "tree/inside"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "mnt"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"no tree", "no such file", []string{at("none"), at("mnt")}},
		{"tree is a file", "not a directory", []string{at("file"), at("mnt")}},
		{"no mountpoint", "no such file", []string{at("tree"), at("none")}},
		{"mountpoint is a file", "not a directory", []string{at("tree"), at("file")}},
		{"mountpoint in the tree", "lies in the tree", []string{at("tree"), at("tree/inside")}},
		{"negative duration", "negative", []string{"--stale-delay", "-1s", at("tree"), at("mnt")}},
		{"control socket nowhere", "listening", []string{"--control", at("none/ctl"), at("tree"), at("mnt")}},
		{"pid file nowhere", "pid file", []string{"--pid-file", at("none/pid"), at("tree"), at("mnt")}},
		{"one argument", "arg", []string{at("tree")}},
	} {
		for _, where := range []string{"foreground", "background"} {
			t.Run(c.name+" "+where, func(t *testing.T) {
				args := []string{"mount"}
				if where == "background" {
					args = append(args, "--background")
				}
				var out string
				var err error
				within(t, 10*time.Second, "mount", func() { out, err = run(append(args, c.args...)...) })
				if err == nil || !strings.Contains(out, c.want) {
					t.Errorf("%v: %q, want an error with %q", err, out, c.want)
				}
				if err := unix.Unmount(at("mnt"), unix.MNT_DETACH); err == nil {
					t.Error("left a mount behind")
				}
			})
		}
	}
}

func TestSignalUnmounts(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		m := mount(t)
		must(t, unix.Kill(m.pid, unix.SIGTERM))
		m.gone(5 * time.Second)
		for _, left := range []string{"ctl", "pid"} {
			path := filepath.Join(m.dir, left)
			for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
				if _, err := os.Lstat(path); os.IsNotExist(err) {
					break
				}
				if time.Since(start) > 5*time.Second {
					t.Fatalf("%s is left", left)
				}
			}
		}
	})
	t.Run("busy", func(t *testing.T) {
		m := mount(t)
		fd, err := unix.Open(m.path(dirA+"/layerfs/etc/hello"), unix.O_RDONLY, 0)
		must(t, err)
		defer unix.Close(fd)
		must(t, unix.Kill(m.pid, unix.SIGTERM))
		m.gone(5 * time.Second)
	})
	t.Run("unmounted by another", func(t *testing.T) {
		m := mount(t)
		must(t, unix.Unmount(m.root, 0))
		within(t, 5*time.Second, "the server's end", func() {
			for {
				if _, err := os.Lstat(filepath.Join(m.dir, "pid")); os.IsNotExist(err) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	})
}

func TestForeground(t *testing.T) {
	dir := scratch(t)
	tree, mnt := filepath.Join(dir, "tree"), filepath.Join(dir, "mnt")
	layer(t, filepath.Join(tree, dirA, "layerfs"))
	must(t, os.Mkdir(mnt, 0o755))
	cmd := exec.Command("/proc/self/exe", "mount", tree, mnt)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	must(t, cmd.Start())
	t.Cleanup(func() { _ = unix.Unmount(mnt, unix.MNT_DETACH) })
	within(t, 10*time.Second, "mount", func() {
		for unix.Access(filepath.Join(mnt, dirA), 0) != nil {
			time.Sleep(20 * time.Millisecond)
		}
	})
	must(t, cmd.Process.Signal(unix.SIGTERM))
	within(t, 10*time.Second, "SIGTERM", func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("ended with %v, want 0", err)
		}
	})
	if entries, err := os.ReadDir(mnt); err != nil || len(entries) != 0 {
		t.Errorf("after the end: %v, %v", entries, err)
	}
}

// Rootless tests mount a stand-in where podman would: in a user namespace.
func TestUserNamespace(t *testing.T) {
	dir := scratch(t)
	tree, mnt := filepath.Join(dir, "tree"), filepath.Join(dir, "mnt")
	layer(t, filepath.Join(tree, dirA, "layerfs"))
	must(t, os.Mkdir(mnt, 0o755))
	script := `"$0" mount --background --watchdog 0 --pid-file "$3" --uid 0 --gid 0 "$1" "$2" && cat "$2"/.layers/aa/*/layerfs/etc/hello; kill $(cat "$3")`
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, self, tree, mnt, filepath.Join(dir, "pid"))
	cmd.Env = append(os.Environ(), asCommand+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "content of etc/hello\n" {
		t.Errorf("%v: %s", err, out)
	}
	if entries, err := os.ReadDir(mnt); err != nil || len(entries) != 0 {
		t.Errorf("outside the namespace: %v, %v", entries, err)
	}
}
