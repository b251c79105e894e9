package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func tarOf(t *testing.T, fill func(*tar.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	fill(w)
	must(t, w.Close())
	return b.Bytes()
}

func archived(t *testing.T, fill func(*tar.Writer), args ...string) *tree {
	t.Helper()
	var out bytes.Buffer
	must(t, run(append([]string{"tar"}, args...), bytes.NewReader(tarOf(t, fill)), &out))
	got, err := read(&out)
	must(t, err)
	return got
}

// put writes a tar's entry with defaults.
func put(t *testing.T, w *tar.Writer, h tar.Header, content string) {
	t.Helper()
	h.Size, h.ModTime = int64(len(content)), time.Unix(1000, 0)
	if h.Mode == 0 {
		h.Mode = 0o644
	}
	must(t, w.WriteHeader(&h))
	_, err := w.Write([]byte(content))
	must(t, err)
}

func TestTar(t *testing.T) {
	got := archived(t, func(w *tar.Writer) {
		put(t, w, tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}, "")
		put(t, w, tar.Header{Name: "z", Uid: 7, Gid: 8, Mode: 0o4755, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "\x00\xff"}}, "abc")
		put(t, w, tar.Header{Name: "b/hard", Typeflag: tar.TypeLink, Linkname: "./z"}, "")
		put(t, w, tar.Header{Name: "b/again", Typeflag: tar.TypeLink, Linkname: "b/hard"}, "")
		put(t, w, tar.Header{Name: "b/", Typeflag: tar.TypeDir, Mode: 0o1777}, "")
		put(t, w, tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "no\xff"}, "")
		put(t, w, tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "")
		put(t, w, tar.Header{Name: "disk", Typeflag: tar.TypeBlock, Devmajor: 8, Devminor: 300}, "")
		put(t, w, tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, "")
		put(t, w, tar.Header{Name: "left/out"}, "")
	}, "--prune", "/left")
	abc := "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad map[user.a:00ff]"
	want := []string{
		"/ dir 0755 0:0 none  ",
		"/b dir 1777 0:0 none  ",
		"/b/again file 4755 7:8 3   " + abc,
		"/b/hard file 4755 7:8 3 /b/again  " + abc,
		"/disk block 0644 0:0 0  8:300",
		"/fifo fifo 0644 0:0 0  ",
		`/link symlink 0644 0:0 3  "no\xff"`,
		"/null char 0644 0:0 0  1:3",
		"/z file 4755 7:8 3 /b/again  " + abc,
	}
	for i, e := range got.entries {
		line := fmt.Sprintf("%s %s %s %d:%d %s %s %s", e.Path, e.Type, e.Mode, *e.UID, *e.GID, number(e.Size), e.Group, e.Rdev)
		if e.Target != nil {
			line += text(e.Target)
		}
		if e.Hash != "" {
			line += fmt.Sprint(" ", e.Hash, " ", e.Xattrs)
		}
		if i >= len(want) || line != want[i] {
			t.Errorf("entry %d: %q", i, line)
		}
	}
	if len(got.entries) != len(want) || got.holds["nlink"] || got.holds["errors"] {
		t.Errorf("%d entries, %v", len(got.entries), got.Fields)
	}
}

func TestTarRefused(t *testing.T) {
	whole := tarOf(t, func(w *tar.Writer) { put(t, w, tar.Header{Name: "a"}, strings.Repeat("a", 2000)) })
	bad := map[string][]byte{
		"cut off": whole[:1000],
		"no tar":  bytes.Repeat([]byte("x"), 2000),
		"a name twice": tarOf(t, func(w *tar.Writer) {
			put(t, w, tar.Header{Name: "a"}, "")
			put(t, w, tar.Header{Name: "./a"}, "")
		}),
		"a link to nothing":  tarOf(t, func(w *tar.Writer) { put(t, w, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}, "") }),
		"a link to itself":   tarOf(t, func(w *tar.Writer) { put(t, w, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "a"}, "") }),
		"a type of its own":  tarOf(t, func(w *tar.Writer) { put(t, w, tar.Header{Name: "a", Typeflag: 'Q'}, "") }),
		"no end after entry": whole[:len(whole)-1024],
	}
	for name, archive := range bad {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run([]string{"tar"}, bytes.NewReader(archive), &out); err == nil {
				t.Errorf("it was read: %s", &out)
			}
		})
	}
}

// A tar compared with what it was made of: what it doesn't hold is not compared.
func TestTarAgainstCapture(t *testing.T) {
	root := t.TempDir()
	at := time.Unix(1000, 0)
	write(t, filepath.Join(root, "a"), "abc", 0o644)
	must(t, os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")), os.Chmod(root, 0o755),
		os.Chtimes(root, at, at), os.Chtimes(filepath.Join(root, "a"), at, at))
	ids := tar.Header{Uid: os.Getuid(), Gid: os.Getgid()}
	fill := func(content string) func(*tar.Writer) {
		return func(w *tar.Writer) {
			dir, file, link := ids, ids, ids
			dir.Name, dir.Typeflag, dir.Mode = "./", tar.TypeDir, 0o755
			file.Name, link.Name, link.Typeflag, link.Linkname = "a", "b", tar.TypeLink, "a"
			put(t, w, dir, "")
			put(t, w, file, content)
			put(t, w, link, "")
		}
	}
	names := t.TempDir()
	name := func(n string) string { return filepath.Join(names, n) }
	var captured bytes.Buffer
	must(t, run([]string{"capture", root}, nil, &captured), os.WriteFile(name("captured"), captured.Bytes(), 0o600))
	for content, same := range map[string]bool{"abc": true, "abd": false} {
		var out, compared bytes.Buffer
		must(t, os.WriteFile(name("tar"), tarOf(t, fill(content)), 0o600), run([]string{"tar", name("tar")}, nil, &out),
			os.WriteFile(name("record"), out.Bytes(), 0o600))
		err := run([]string{"compare", "--min-entries", "3", name("captured"), name("record")}, nil, &compared)
		if (err == nil) != same || strings.Contains(compared.String(), "nlink") {
			t.Errorf("%s: %v, %s", content, err, &compared)
		}
	}
}
