package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func captured(t *testing.T, root string, pruned ...string) *tree {
	t.Helper()
	args := []string{"capture"}
	for _, path := range pruned {
		args = append(args, "--prune", path)
	}
	var out bytes.Buffer
	if err := run(append(args, root), nil, &out); err != nil {
		t.Fatal(err)
	}
	got, err := read(&out)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode))
}

func setXattr(t *testing.T, path, name string, value []byte) {
	t.Helper()
	err := unix.Lsetxattr(path, name, value, 0)
	if err == unix.ENOTSUP {
		t.Skip("no extended attributes here: set TMPDIR")
	}
	must(t, err)
}

// everything makes a tree with an entry of each type.
func everything(t *testing.T) string {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("file"), "abc", 0o644)
	write(t, at("setuid"), "", 0o755|os.ModeSetuid)
	write(t, at("a\n\xff\\"), "", 0o400)
	write(t, at(strings.Repeat("n", 255)), "", 0o644)
	must(t, os.Mkdir(at("dir"), 0o700), os.Chmod(at("dir"), 0o711|os.ModeSticky),
		os.Link(at("file"), at("dir/hard")), os.Symlink("no\xff where", at("dir/link")),
		unix.Mkfifo(at("fifo"), 0o600), unix.Mknod(at("socket"), unix.S_IFSOCK|0o600, 0))
	setXattr(t, at("file"), "user.\xfe", []byte{0, 255})
	times := time.Unix(1234567890, 123456789)
	must(t, os.Chtimes(at("file"), times, times), os.Chtimes(at("dir"), times, times))
	return root
}

func TestCapture(t *testing.T) {
	got := captured(t, everything(t))
	abc := "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	none := "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct{ path, want string }{
		{"/", "dir"},
		{`/a\x0a\xff\x5c`, "file 0400 0 1 " + none},
		{"/dir", "dir 1711 1234567890+123456789ns"},
		{"/dir/hard", "file 0644 3 2 " + abc},
		{"/dir/link", `symlink 0777 9 1 no\xff where`},
		{"/fifo", "fifo 0600 0 1"},
		{"/file", "file 0644 3 2 /dir/hard 1234567890+123456789ns user.\\xfe=00ff " + abc},
		{"/" + strings.Repeat("n", 255), "file 0644 0 1"},
		{"/setuid", "file 4755 0 1"},
		{"/socket", "socket 0600 0 1"},
	}
	for i, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			e := got.entries[i]
			if e.Path != test.path || e.Type != strings.Fields(test.want)[0] {
				t.Fatalf("entry %d is %q", i, e.Path)
			}
			have := fmt.Sprintln(e.Type, e.Mode, number(e.Size), number(e.Nlink), e.Group, e.time(), e.Hash, text(e.Target), e.Xattrs)
			for _, word := range strings.Fields(test.want) {
				if !strings.Contains(have, strings.Replace(word, "=", ":", 1)) {
					t.Errorf("lacks %q: %s", word, have)
				}
			}
			if *e.UID != uint32(os.Getuid()) || len(e.Errors) > 0 {
				t.Errorf("owner %d, errors %v", *e.UID, e.Errors)
			}
		})
	}
	if len(got.entries) != len(tests) {
		t.Errorf("%d entries", len(got.entries))
	}
}

func TestCaptureTwice(t *testing.T) {
	root := everything(t)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, name := range []string{a, b} {
		var out bytes.Buffer
		must(t, run([]string{"capture", root}, nil, &out), os.WriteFile(name, out.Bytes(), 0o600))
		write(t, filepath.Join(root, "dir/hard"), "abc", 0o644) // a new time
	}
	out, differ := flagged(t, "", a, b)
	if !differ || strings.Count(out, "mtime") != 3 || strings.Count(out, "\n") != 3 { // two names, one summary
		t.Errorf("got %s", out)
	}
}

func TestCapturePruned(t *testing.T) {
	got := captured(t, everything(t), "/dir", "/file")
	for _, path := range []string{"/dir", "/dir/hard", "/file"} {
		if got.byPath[path] != nil {
			t.Errorf("%q was not left out", path)
		}
	}
	if len(got.entries) != 6 {
		t.Errorf("%d entries", len(got.entries))
	}
	for _, bad := range []string{"dir", "/dir/", "/", ""} {
		if err := run([]string{"capture", "--prune", bad, "/"}, nil, &bytes.Buffer{}); err == nil {
			t.Errorf("pruned %q", bad)
		}
	}
}

// A path of more than 4096 bytes, deeper than directories are kept open.
func TestCaptureDeep(t *testing.T) {
	root := t.TempDir()
	at, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	const depth = 3*openDirs + 7
	path, name := "", strings.Repeat("d", 40)
	for range depth {
		must(t, unix.Mkdirat(at, name, 0o755), unix.Mkdirat(at, "z", 0o755))
		next, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err, unix.Close(at))
		at, path = next, path+"/"+name
	}
	must(t, unix.Symlinkat("end", at, "link"), unix.Close(at))
	limitFiles(t, openDirs+40)
	got := captured(t, root)
	if e := got.byPath[path+"/link"]; e == nil || *e.Target != "end" {
		t.Errorf("at the end: %v", e)
	}
	// The names after the deep one are looked up in directories that were closed.
	if len(got.entries) != 2*depth+2 {
		t.Errorf("%d entries", len(got.entries))
	}
	for _, e := range got.entries {
		if len(e.Errors) > 0 || e.Type == kindGhost {
			t.Fatalf("%s: %s %v", e.Path, e.Type, e.Errors)
		}
	}
}

// limitFiles lets the process have no more files open than that, until the test ends.
func limitFiles(t *testing.T, most uint64) {
	var before unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	lower := before
	lower.Cur = most
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &lower))
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &before) })
}

func TestCaptureManyNames(t *testing.T) {
	root := t.TempDir()
	const names = 20000
	for i := range names {
		must(t, unix.Mknod(filepath.Join(root, fmt.Sprint(i)), unix.S_IFREG|0o600, 0))
	}
	if got := captured(t, root); len(got.entries) != names+1 {
		t.Errorf("%d entries", len(got.entries))
	}
}

func TestCaptureFails(t *testing.T) {
	for name, args := range map[string][]string{
		"no root": {"capture", "/nonexistent"}, "a file": {"capture", "/proc/self/exe"}, "none": {"capture"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(args, nil, &bytes.Buffer{}); err == nil {
				t.Error("no error")
			}
		})
	}
	if err := run([]string{"capture", t.TempDir()}, nil, full{}); err == nil {
		t.Error("no error where the output is full")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, unix.ENOSPC }

func TestXattrValue(t *testing.T) {
	root := t.TempDir()
	large := bytes.Repeat([]byte("v"), 3000) // more than the first buffer
	write(t, filepath.Join(root, "f"), "", 0o600)
	setXattr(t, filepath.Join(root, "f"), "user.large", large)
	if got := captured(t, root).byPath["/f"]; got.Xattrs["user.large"] != hex.EncodeToString(large) {
		t.Errorf("got %v, %v", got.Xattrs, got.Errors)
	}
}
