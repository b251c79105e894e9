package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin"
)

func (m *mounted) counters() (c standin.Counters) {
	m.t.Helper()
	must(m.t, json.Unmarshal([]byte(m.ctl("counters")), &c))
	return c
}

func TestCounters(t *testing.T) {
	m := mount(t)
	m.ctl("reset")
	if c := m.counters(); c.Total != (standin.Counts{}) || len(c.Layers) != 0 {
		t.Errorf("after reset: %+v", c)
	}
	b, err := os.ReadFile(m.path(dirA + "/layerfs/etc/hello"))
	must(t, err)
	_, err = os.ReadDir(m.path(dirA + "/layerfs"))
	must(t, err)
	_, err = os.Readlink(m.path(dirA + "/layerfs/etc/plain"))
	must(t, err)
	_, err = unix.Getxattr(m.path(dirB+"/layerfs"), "user.none", nil)
	wantErrno(t, "attribute", err, unix.ENODATA)
	var st unix.Statfs_t
	must(t, unix.Statfs(m.root, &st))

	c := m.counters()
	layer := c.Layers[digest.Digest("sha256:"+hexA)]
	if layer.Opens != 1 || layer.Reads != 1 || layer.BytesRead != int64(len(b)) || layer.Readlinks != 1 || layer.Opendirs != 1 {
		t.Errorf("layer read from: %+v", layer)
	}
	// From the digest's own directory on: layerfs, etc, hello, plain.
	if layer.Lookups != 4 {
		t.Errorf("%d look-ups in the layer, want 4", layer.Lookups)
	}
	if other := c.Layers[digest.Digest("sha256:"+hexB)]; other.Getxattrs != 1 || other.Lookups != 1 || other.Opens != 0 {
		t.Errorf("layer only asked for an attribute: %+v", other)
	}
	if c.Total.Statfs == 0 || c.Total.Lookups <= layer.Lookups || c.Total.BytesRead != layer.BytesRead {
		t.Errorf("total: %+v", c.Total)
	}
}

func TestFaults(t *testing.T) {
	m := mount(t)
	hello, other := m.path(dirA+"/layerfs/etc/hello"), m.path(dirB+"/layerfs/etc/hello")
	read := func(name string) error {
		m.ctl("drop")
		_, err := os.ReadFile(name)
		return err
	}
	for _, c := range []struct {
		args     []string
		hit, mis unix.Errno // what reading hello and other gives
	}{
		{[]string{"fault", "EIO"}, unix.EIO, unix.EIO},
		{[]string{"fault", "EIO", "lookup"}, unix.EIO, unix.EIO},
		{[]string{"fault", "ENOTCONN", "open", dirA}, unix.ENOTCONN, 0},
		{[]string{"fault", "EIO", "read", dirA + "/layerfs/etc/hello"}, unix.EIO, 0},
		{[]string{"fault", "EIO", "all", dirA + "/layerfs/etc/hel"}, 0, 0},
		{[]string{"fault", "EIO", "readlink"}, 0, 0},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			defer m.ctl("clear")
			m.ctl(c.args...)
			for name, want := range map[string]unix.Errno{hello: c.hit, other: c.mis} {
				err := read(name)
				if want == 0 && err != nil || want != 0 && !errors.Is(err, want) {
					t.Errorf("reading %s: %v, want %v", name, err, want)
				}
			}
		})
	}
	if err := read(hello); err != nil {
		t.Errorf("after clear: %v", err)
	}

	t.Run("delay", func(t *testing.T) {
		defer m.ctl("clear")
		const how = 400 * time.Millisecond
		took := func() time.Duration {
			start := time.Now()
			must(t, read(hello))
			return time.Since(start)
		}
		m.ctl("delay", how.String(), "open")
		if d := took(); d < how || d > 4*how {
			t.Errorf("one open delayed: took %v", d)
		}
		m.ctl("fault", "EIO", "open")
		start := time.Now()
		wantErrno(t, "open", read(hello), unix.EIO)
		if d := time.Since(start); d < how {
			t.Errorf("delayed failure took %v", d)
		}
		m.ctl("clear")
		if d := took(); d >= how {
			t.Errorf("after clear: took %v", d)
		}
		m.ctl("delay", "1h")
		within(t, 5*time.Second, "clear wakes the delayed", func() {
			time.AfterFunc(200*time.Millisecond, func() { m.ctl("clear") })
			if err := unix.Access(m.path("unseen"), 0); err != unix.ENOENT {
				t.Errorf("a delayed look-up: %v", err)
			}
		})
	})
}

func TestHang(t *testing.T) {
	m := mount(t)
	m.ctl("hang")
	if _, err := standin.Control(m.socket, []string{"revision"}); err == nil {
		t.Error("a revision while requests hang: want an error, not a wait")
	}
	reader := exec.Command("cat", m.path(dirA+"/layerfs/etc/hello"))
	must(t, reader.Start())
	ended := make(chan error, 1)
	go func() { ended <- reader.Wait() }()
	time.Sleep(300 * time.Millisecond)
	// Not even its death ends a request that the server has: as with the client.
	must(t, reader.Process.Kill())
	select {
	case err := <-ended:
		t.Fatalf("a reader of a hung mount ended: %v", err)
	case <-time.After(700 * time.Millisecond):
	}
	m.ctl("unhang")
	within(t, 5*time.Second, "unhang", func() { <-ended })
	if _, err := os.ReadFile(m.path(dirA + "/layerfs/etc/hello")); err != nil {
		t.Errorf("after unhang: %v", err)
	}

	m.ctl("hang")
	go unix.Access(m.path("unseen"), 0)
	time.Sleep(100 * time.Millisecond)
	must(t, unix.Kill(m.pid, unix.SIGTERM))
	m.gone(5 * time.Second)
}

// gone waits until the path is an ordinary empty directory.
func (m *mounted) gone(limit time.Duration) time.Duration {
	m.t.Helper()
	start := time.Now()
	for {
		entries, err := os.ReadDir(m.root)
		if err == nil && len(entries) == 0 {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			m.t.Fatalf("still mounted after %v: %v, %v", limit, entries, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestDie(t *testing.T) {
	t.Run("watchdog", func(t *testing.T) {
		m := mount(t, "--watchdog", "1s")
		m.ctl("die")
		_, err := os.ReadDir(m.root)
		wantErrno(t, "at once", err, unix.ENOTCONN)
		if d := m.gone(10 * time.Second); d < 500*time.Millisecond {
			t.Errorf("unmounted after %v, want 1s", d)
		}
		m.start() // over the dead one's socket
		if _, err := os.ReadFile(m.path(dirA + "/layerfs/etc/hello")); err != nil {
			t.Errorf("started again: %v", err)
		}
	})
	t.Run("killed", func(t *testing.T) {
		m := mount(t, "--watchdog", "100ms")
		must(t, unix.Kill(m.pid, unix.SIGKILL))
		m.gone(10 * time.Second)
	})
	t.Run("no watchdog", func(t *testing.T) {
		m := mount(t, "--watchdog", "0")
		m.ctl("die")
		time.Sleep(500 * time.Millisecond)
		_, err := os.ReadDir(m.root)
		wantErrno(t, "later", err, unix.ENOTCONN)
	})
}

func TestBadCommands(t *testing.T) {
	m := mount(t)
	for _, args := range [][]string{
		{},
		{"nonsense"},
		{"counters", "x"},
		{"remove"},
		{"remove", "/etc"},
		{"remove", ".."},
		{"remove", "."},
		{"remove", "none"},
		{"restore", dirA},
		{"delay"},
		{"delay", "soon"},
		{"delay", "-1s"},
		{"delay", "1s", "write"},
		{"fault", "EWHAT"},
		{"fault", "5"},
		{"fault", "EIO", "write"},
		{"fault", "EIO", "read", "x", "y"},
	} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			if out, err := standin.Control(m.socket, args); err == nil {
				t.Errorf("accepted: %q", out)
			}
		})
	}
	m.ctl("remove", dirA+"/layerfs")
	if _, err := standin.Control(m.socket, []string{"remove", dirA + "/layerfs/etc"}); err == nil {
		t.Error("removing what is removed: accepted")
	}
	if out, err := run("ctl", m.socket, "restore", dirA+"/layerfs"); err != nil || out != "" {
		t.Errorf("by command line: %v: %s", err, out)
	}
	if out, err := run("ctl", filepath.Join(m.dir, "none"), "reset"); err == nil || !strings.Contains(out, "connecting to the stand-in") {
		t.Errorf("no server: %v: %s", err, out)
	}
}
