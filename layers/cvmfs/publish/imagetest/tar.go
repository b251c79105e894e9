// Package imagetest makes images for tests, layer by layer and entry by entry,
// serves them from a registry on the loopback, and lists trees.
package imagetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Time is the modification time of entries that state none.
var Time = time.Date(2024, 2, 29, 12, 30, 15, 0, time.UTC)

// Dir is a directory.
func Dir(name string, mode int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: mode}
}

// Symlink is a symlink to a target.
func Symlink(name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}
}

// Link is a hard link to an earlier entry.
func Link(name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target, Mode: 0o644}
}

// File is a regular file whose content is its name, so that it can be told
// from every other.
func File(name string, mode int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(name))}
}

// Tar makes an archive, of files that belong to an account that no test has.
func Tar(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		if h.Typeflag != tar.TypeXGlobalHeader {
			if h.ModTime.IsZero() {
				h.ModTime = Time
			}
			h.Uid, h.Gid = 4711, 4712
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatalf("writing tar header %q: %v", h.Name, err)
		}
		if h.Typeflag == tar.TypeReg && h.Size == int64(len(h.Name)) {
			if _, err := w.Write([]byte(h.Name)); err != nil {
				t.Fatalf("writing tar entry %q: %v", h.Name, err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("closing tar: %v", err)
	}
	return out.Bytes()
}

// Tree lists dir as lines "<type><mode> <path>", with symlink targets and
// device numbers. Types are those of ls. Directories that deny their owner the
// listing are opened for the moment.
func Tree(t testing.TB, dir string) []string {
	t.Helper()
	out, err := tree(dir, ".", []string{})
	if err != nil {
		t.Fatalf("listing %q: %v", dir, err)
	}
	return out
}

func tree(top, rel string, out []string) ([]string, error) {
	path := filepath.Join(top, rel)
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, err
	}
	line := fmt.Sprintf("%s%04o %s", kind(st.Mode), st.Mode&0o7777, rel)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return nil, err
		}
		line += " -> " + target
	case unix.S_IFCHR, unix.S_IFBLK:
		line += fmt.Sprintf(" %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	out = append(out, line)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return out, nil
	}
	if st.Mode&0o500 != 0o500 && int(st.Uid) == os.Geteuid() {
		if err := unix.Chmod(path, 0o700); err != nil {
			return nil, err
		}
		defer func() { _ = unix.Chmod(path, st.Mode&0o7777) }()
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if out, err = tree(top, filepath.Join(rel, entry.Name()), out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func kind(mode uint32) string {
	return map[uint32]string{
		unix.S_IFREG: "-", unix.S_IFDIR: "d", unix.S_IFLNK: "l",
		unix.S_IFCHR: "c", unix.S_IFBLK: "b", unix.S_IFIFO: "p", unix.S_IFSOCK: "s",
	}[mode&unix.S_IFMT]
}

// TempDir is t.TempDir for trees whose directories may deny their owner the
// deletion.
func TempDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return err
		})
	})
	return dir
}
