//go:build !windows
// +build !windows

package archive

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A tar that is unpacked without a change of the root stays in its directory.
func TestUnpackOutside(t *testing.T) {
	dir := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o700} }
	file := func(name string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o777, Size: 4}
	}
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o777}
	}
	const out = "OUTSIDE" // a directory beside the one that is unpacked into
	for _, tc := range []struct {
		name    string
		there   string // a link named "there" is in the directory before
		entries []tar.Header
		want    string // a file that must have been made inside
		layer   bool   // of layers only
	}{
		{name: "ordinary", entries: []tar.Header{dir("d"), file("d/f"), link("l", "d"), hard("h", "d/f"), file("l/g")}, want: "d/g"},
		{name: "absolute link", entries: []tar.Header{link("l", out), file("l/host")}, want: out + "/host"},
		{name: "absolute link, new directory", entries: []tar.Header{link("l", out), file("l/new/file")}, want: out + "/new/file"},
		{name: "dangling link", entries: []tar.Header{link("l", out+"/new"), file("l/file")}, want: out + "/new/file"},
		{name: "link that is there", there: "../outside", entries: []tar.Header{file("there/host"), dir("there/sub")}, want: "outside/host"},
		{name: "directory through a link", entries: []tar.Header{link("l", out), dir("l/sub")}},
		{name: "hard link through a link", entries: []tar.Header{link("l", out), hard("h", "l/host")}},
		{name: "hard link to a link", entries: []tar.Header{link("host", out+"/host"), hard("h", "host")}},
		{name: "hard link beside", entries: []tar.Header{hard("h", "../dest-outside/host")}},
		{name: "directory that becomes a link", entries: []tar.Header{dir("d"), link("d", out)}},
		{name: "root that becomes a link", entries: []tar.Header{link("/", out), file("host")}},
		{name: "root that becomes a link, by name", entries: []tar.Header{link(".", out), file("host")}},
		{name: "above", entries: []tar.Header{dir("..")}},
		{name: "file above", entries: []tar.Header{file("../outside/host")}},
		{name: "whiteout through a link", entries: []tar.Header{link("l", out), file("l/.wh.host")}, layer: true},
		{name: "opaque through a link", entries: []tar.Header{link("l", out), file("l/.wh..wh..opq")}, layer: true},
	} {
		for how, unpack := range map[string]func(dest string, data *bytes.Buffer) error{
			"tar":   func(dest string, data *bytes.Buffer) error { return Untar(data, dest, &TarOptions{NoLchown: true}) },
			"layer": func(dest string, data *bytes.Buffer) error { _, err := ApplyLayer(dest, data); return err },
		} {
			if tc.layer && how != "layer" {
				continue
			}
			t.Run(tc.name+", "+how, func(t *testing.T) {
				top := t.TempDir()
				dest := filepath.Join(top, "dest")
				old := time.Unix(1e9, 0)
				for _, d := range []string{"outside/sub", "dest-outside", "dest"} {
					if err := os.MkdirAll(filepath.Join(top, d), 0o750); err != nil {
						t.Fatal(err)
					}
				}
				for _, f := range []string{"outside/host", "dest-outside/host"} {
					if err := os.WriteFile(filepath.Join(top, f), []byte("of the host"), 0o640); err != nil {
						t.Fatal(err)
					}
				}
				outside := []string{"outside/sub", "outside/host", "outside", "dest-outside/host", "dest-outside", "."}
				if tc.there != "" {
					if err := os.Symlink(tc.there, filepath.Join(dest, "there")); err != nil {
						t.Fatal(err)
					}
				}
				before := map[string]os.FileInfo{}
				for _, name := range outside {
					path := filepath.Join(top, name)
					if err := os.Chtimes(path, old, old); err != nil {
						t.Fatal(err)
					}
					st, err := os.Lstat(path)
					if err != nil {
						t.Fatal(err)
					}
					before[name] = st
				}
				here, err := os.Getwd()
				if err != nil {
					t.Fatal(err)
				}
				defer os.Chdir(here)
				if err := os.Chdir(filepath.Join(top, "outside")); err != nil { // as a service's may be any
					t.Fatal(err)
				}

				data := bytes.Buffer{}
				w := tar.NewWriter(&data)
				for _, hdr := range tc.entries {
					hdr.Uid, hdr.Gid, hdr.ModTime = os.Getuid(), os.Getgid(), time.Unix(2e9, 0)
					hdr.Linkname = strings.Replace(hdr.Linkname, out, filepath.Join(top, "outside"), 1)
					if err := w.WriteHeader(&hdr); err != nil {
						t.Fatal(err)
					}
					if hdr.Size > 0 {
						if _, err := w.Write([]byte("evil")); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				err = unpack(dest, &data)

				for _, name := range outside {
					st, statErr := os.Lstat(filepath.Join(top, name))
					if statErr != nil {
						t.Errorf("%s: %v", name, statErr)
						continue
					}
					was := before[name]
					if st.Mode() != was.Mode() || st.Size() != was.Size() || !st.ModTime().Equal(was.ModTime()) {
						t.Errorf("%s changed: %v %d %v", name, st.Mode(), st.Size(), st.ModTime())
					}
					if linked, err := os.Stat(filepath.Join(dest, "h")); err == nil && os.SameFile(linked, st) && name == "dest-outside/host" {
						t.Errorf("%s is linked", name)
					}
				}
				if fi, err := os.Lstat(dest); err != nil || !fi.IsDir() {
					t.Errorf("the directory is now %v: %v", fi, err)
				}
				if links := countLinks(t, filepath.Join(top, "outside/host")); links != 1 {
					t.Errorf("outside/host has %d links", links)
				}
				if tc.want != "" {
					want := filepath.Join(dest, strings.Replace(tc.want, out, filepath.Join(top, "outside"), 1))
					if got, readErr := os.ReadFile(want); readErr != nil || string(got) != "evil" {
						t.Errorf("%s has %q: %v; unpacking said %v", tc.want, got, readErr, err)
					}
				}
			})
		}
	}
}

func countLinks(t *testing.T, path string) int {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(st.Sys().(*syscall.Stat_t).Nlink)
}
