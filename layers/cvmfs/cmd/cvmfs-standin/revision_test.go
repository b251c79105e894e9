package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRevisionShowsWhatWasPublished(t *testing.T) {
	m := mount(t, "--kernel-timeout", "1h") // only the revision may make the kernel ask again
	etc := filepath.Join(dirA, "layerfs/etc")
	in, out := filepath.Join(m.tree, etc), m.path(etc)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	read("hello")
	read("new") // the kernel remembers that it is missing
	wantErrno(t, "a missing name in the root", unix.Access(m.path("new"), 0), unix.ENOENT)
	held, err := os.Open(filepath.Join(out, "shadow"))
	must(t, err)
	defer held.Close()

	must(t, os.WriteFile(filepath.Join(in, "next"), []byte("replaced"), 0o644))
	must(t, os.Rename(filepath.Join(in, "next"), filepath.Join(in, "shadow")))
	must(t, os.WriteFile(filepath.Join(in, "hello"), []byte("rewritten"), 0o644))
	must(t, os.WriteFile(filepath.Join(in, "new"), []byte("added"), 0o644))
	must(t, os.WriteFile(filepath.Join(m.tree, "new"), nil, 0o644))
	must(t, os.Remove(filepath.Join(in, "hard")))
	must(t, os.Remove(filepath.Join(in, "private")))
	must(t, os.Mkdir(filepath.Join(in, "private"), 0o755))
	m.ctl("revision")

	for name, want := range map[string]string{"hello": "rewritten", "new": "added", "shadow": "replaced"} {
		if got := read(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := unix.Access(m.path("new"), 0); err != nil {
		t.Errorf("a new name in the root: %v", err)
	}
	wantErrno(t, "a deleted file", unix.Access(filepath.Join(out, "hard"), 0), unix.ENOENT)
	if info, err := os.Stat(filepath.Join(out, "private")); err != nil || !info.IsDir() {
		t.Errorf("a directory in a file's place: %v, %v", info, err)
	}
	if b, err := io.ReadAll(held); err != nil || string(b) != "content of etc/shadow\n" {
		t.Errorf("a replaced file, still open: %q, %v; want its old contents", b, err)
	}
}

// A layer that comes back is another one, unless the repository was rolled back.
func TestRemovedLayer(t *testing.T) {
	for _, how := range []string{"restore", "rollback", "deleted in the tree"} {
		t.Run(how, func(t *testing.T) {
			const delay = 1500 * time.Millisecond
			m := mount(t, "--stale-delay", delay.String())
			take, giveBack := func() { m.ctl("remove", dirA) }, func() { m.ctl(how, dirA) }
			if how == "deleted in the tree" {
				in, aside := filepath.Join(m.tree, dirA), filepath.Join(m.dir, "aside")
				take = func() { must(t, os.Rename(in, aside)); m.ctl("revision") }
				giveBack = func() { must(t, os.Rename(aside, in)); m.ctl("revision") }
			}
			hash := func() string {
				buf := make([]byte, 200)
				n, err := unix.Getxattr(m.path(dirA+"/layerfs"), "user.catalog_counters", buf)
				must(t, err)
				return string(buf[:n])
			}
			before := hash()
			m.ctl("revision")
			if hash() != before {
				t.Error("another hash after a revision that changed nothing")
			}
			top := m.path(dirA + "/layerfs")
			dir, err := unix.Open(top+"/etc", unix.O_RDONLY|unix.O_DIRECTORY, 0)
			must(t, err)
			defer unix.Close(dir)
			file, err := unix.Open(top+"/etc/hello", unix.O_RDONLY, 0)
			must(t, err)
			defer unix.Close(file)
			buf := make([]byte, 64)
			if n, err := unix.Pread(file, buf, 0); err != nil || n == 0 {
				t.Fatalf("reading before: %d, %v", n, err)
			}
			list := func() (int, error) {
				_, err := unix.Seek(dir, 0, io.SeekStart)
				must(t, err)
				return unix.ReadDirent(dir, make([]byte, 4096))
			}

			start := time.Now()
			take()
			_, err = unix.Pread(file, buf, 0)
			wantErrno(t, "reading an open file", err, unix.ENOENT)
			if n, err := list(); n != 0 || err != nil {
				t.Errorf("listing an open directory: %d bytes, %v; want none and no error", n, err)
			}
			wantErrno(t, "looking a new name up in it", unix.Faccessat(dir, "unseen", 0, 0), unix.ENOENT)
			wantErrno(t, "looking the layer up", unix.Access(top, 0), unix.ENOENT)
			if entries, err := os.ReadDir(m.path(".layers/aa")); err != nil || len(entries) != 0 {
				t.Errorf("listing the directory above: %v, %v", entries, err)
			}
			if _, err := os.ReadFile(m.path(dirB + "/layerfs/etc/hello")); err != nil {
				t.Errorf("another layer: %v", err)
			}
			if spent := time.Since(start); spent >= delay {
				t.Fatalf("the machine is too slow for this test: %v", spent)
			}

			time.Sleep(time.Until(start.Add(delay + 500*time.Millisecond)))
			_, err = unix.Pread(file, buf, 0)
			wantErrno(t, "reading, later", err, unix.ESTALE)
			_, err = list()
			wantErrno(t, "listing, later", err, unix.ESTALE)
			var st unix.Stat_t
			wantErrno(t, "stat, later", unix.Fstat(dir, &st), unix.ESTALE)
			_, err = unix.Openat(dir, "hello", unix.O_PATH, 0)
			wantErrno(t, "a name met before, later", err, unix.ESTALE)
			wantErrno(t, "looking the layer up, later", unix.Access(top, 0), unix.ENOENT)

			giveBack()
			if how == "rollback" {
				if n, err := list(); n == 0 || err != nil {
					t.Errorf("listing, rolled back: %d bytes, %v", n, err)
				}
				if n, err := unix.Pread(file, buf, 0); n == 0 || err != nil {
					t.Errorf("reading, rolled back: %d bytes, %v", n, err)
				}
			} else {
				_, err = list()
				wantErrno(t, "listing what was held", err, unix.ESTALE)
				_, err = unix.Pread(file, buf, 0)
				wantErrno(t, "reading what was held", err, unix.ESTALE)
			}
			if same := hash() == before; same != (how == "rollback") {
				t.Errorf("the same hash: %v", same)
			}
			if _, err := os.ReadFile(top + "/usr/tool"); err != nil {
				t.Errorf("a file, restored: %v", err)
			}
		})
	}
}

// What the real client does to an overlay is what views have to guard against.
func TestOverlayOnARemovedLayer(t *testing.T) {
	m := mount(t, "--stale-delay", "1500ms")
	work, merged := filepath.Join(m.dir, "work"), filepath.Join(m.dir, "merged")
	must(t, os.Mkdir(work, 0o755))
	must(t, os.Mkdir(merged, 0o755))
	must(t, unix.Mount("tmpfs", work, "tmpfs", 0, "")) // the machine's own may be an overlay, no upper
	t.Cleanup(func() {
		for _, dir := range []string{merged, work} {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Errorf("unmounting %s: %v", dir, err)
			}
		}
	})
	must(t, os.Mkdir(work+"/upper", 0o755))
	must(t, os.Mkdir(work+"/work", 0o755))
	must(t, unix.Mount("overlay", merged, "overlay", 0,
		"lowerdir="+m.path(dirA+"/layerfs")+",upperdir="+work+"/upper,workdir="+work+"/work"))
	if _, err := os.ReadFile(merged + "/etc/hello"); err != nil {
		t.Fatal(err)
	}

	start := time.Now()
	m.ctl("remove", dirA)
	for _, dir := range []string{"/", "/etc"} {
		if entries, err := os.ReadDir(merged + dir); err != nil || len(entries) != 0 {
			t.Errorf("listing the merged %s: %v, %v; want none and no error", dir, entries, err)
		}
	}
	if err := os.WriteFile(merged+"/created", nil, 0o644); err != nil {
		t.Errorf("creating in the merged root: %v", err)
	}
	time.Sleep(time.Until(start.Add(2 * time.Second)))
	_, err := os.ReadFile(merged + "/etc/hello")
	wantErrno(t, "reading, later", err, unix.ESTALE)

	m.ctl("restore", dirA)
	_, err = os.ReadFile(merged + "/etc/hello")
	wantErrno(t, "reading, published again", err, unix.ESTALE)
	m.ctl("remove", dirA)
	m.ctl("rollback", dirA)
	if _, err := os.ReadFile(merged + "/etc/hello"); err != nil {
		t.Errorf("reading, rolled back: %v", err)
	}
}

func TestKernelCaches(t *testing.T) {
	for timeout, again := range map[string]bool{"1h": false, "0s": true} {
		t.Run(timeout, func(t *testing.T) {
			m := mount(t, "--kernel-timeout", timeout)
			hello := m.path(dirA + "/layerfs/etc/hello")
			_, err := os.ReadFile(hello)
			must(t, err)
			wantErrno(t, "a missing name", unix.Access(hello+"-not", 0), unix.ENOENT)
			m.ctl("reset")
			_, err = os.ReadFile(hello)
			must(t, err)
			wantErrno(t, "a missing name", unix.Access(hello+"-not", 0), unix.ENOENT)
			total := m.counters().Total
			if (total.Lookups > 0) != again {
				t.Errorf("%d look-ups for names met before", total.Lookups)
			}
			if total.Reads != 0 {
				t.Errorf("%d reads of pages read before", total.Reads)
			}
			m.ctl("drop")
			m.ctl("reset")
			_, err = os.ReadFile(hello)
			must(t, err)
			if total := m.counters().Total; total.Lookups == 0 || total.Reads == 0 {
				t.Errorf("after drop: %+v, want look-ups and reads", total)
			}
		})
	}
}
