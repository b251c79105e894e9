package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// tree lists what is below some directories, sorted by name: type and mode,
// links, and of files size, time and hash. Paths begin below each directory, so
// that a tree and its copy compare. What a user may not read is listed without
// its content: a repository keeps it from him.
func tree(out io.Writer, dirs []string) error {
	w := bufio.NewWriter(out)
	defer w.Flush()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			return describe(w, path, name)
		})
		if err != nil {
			return fmt.Errorf("listing %q: %w", dir, err)
		}
	}
	return nil
}

func describe(w io.Writer, path, name string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	fmt.Fprintf(w, "%q %o", name, st.Mode)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		fmt.Fprintln(w)
		if st.Mode&0o005 != 0o005 {
			return filepath.SkipDir
		}
		return nil
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		fmt.Fprintf(w, " %q", target)
		if err != nil {
			return err
		}
	case unix.S_IFREG:
		fmt.Fprintf(w, " %d", st.Size)
		if st.Mode&0o004 != 0 {
			sum, err := hash(path)
			fmt.Fprintf(w, " %x", sum)
			if err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, " %d\n", st.Mtim.Sec)
	return err
}

func hash(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
