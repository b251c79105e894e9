package main

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/sys/unix"
)

// Names that the image formats give to deletions (OCI image-spec, layer.md).
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// writeDiff writes to tarPath the layer that turns the root file system in
// statePath into the one below root, and updates statePath.
func writeDiff(root, statePath, tarPath string) error {
	before, err := loadState(statePath)
	if err != nil {
		return err
	}
	now, err := scan(root)
	if err != nil {
		return err
	}
	f, err := os.Create(tarPath)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	archive := tar.NewWriter(buffered)
	if err := diff(archive, root, before, now); err != nil {
		return fmt.Errorf("writing layer %q: %w", tarPath, err)
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return saveState(statePath, now)
}

func diff(archive *tar.Writer, root string, before, now state) error {
	links := map[uint64]string{}
	if len(before) == 0 { // the root's mode is an image's own only if the base layer says so
		root := &tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}
		if err := archive.WriteHeader(root); err != nil {
			return err
		}
	}
	for _, name := range union(before, now) {
		r, exists := now[name]
		old, existed := before[name]
		hidden := belowRemade(name, before, now)
		switch {
		case !exists:
			if parent, ok := now[path.Dir(name)]; hidden || path.Dir(name) != "." && (!ok || !parent.isDir()) {
				continue // gone with its directory
			}
			if err := marker(archive, path.Join(path.Dir(name), whiteoutPrefix+path.Base(name))); err != nil {
				return err
			}
		case existed && !hidden && r.unchanged(old):
			continue
		default:
			if err := entry(archive, root, name, r, links); err != nil {
				return err
			}
			if existed && r.remade(old) && !hidden {
				if err := marker(archive, path.Join(name, opaqueMarker)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// belowRemade says whether some directory above name was removed and made
// again: then nothing of the layers below is left there.
func belowRemade(name string, before, now state) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		old, existed := before[dir]
		if r, exists := now[dir]; exists && existed && r.remade(old) {
			return true
		}
	}
	return false
}

// union lists all paths, each directory before what it holds.
func union(before, now state) []string {
	names := make([]string, 0, len(now))
	for name := range now {
		names = append(names, name)
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func marker(archive *tar.Writer, name string) error {
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600})
}

func entry(archive *tar.Writer, root, name string, r record, links map[uint64]string) error {
	h := &tar.Header{
		Name: name, Mode: int64(r.Mode & 0o7777), Uid: int(r.UID), Gid: int(r.GID),
		ModTime: time.Unix(r.Mtime.Sec, 0), Format: tar.FormatPAX,
	}
	switch r.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case unix.S_IFLNK:
		h.Typeflag, h.Linkname = tar.TypeSymlink, r.Target
	case unix.S_IFREG:
		if target, ok := links[r.Inode]; ok {
			h.Typeflag, h.Linkname = tar.TypeLink, target
			break
		}
		if r.Nlink > 1 {
			links[r.Inode] = name
		}
		h.Typeflag, h.Size = tar.TypeReg, r.Size
		return content(archive, h, filepath.Join(root, name))
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if r.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(r.Rdev)), int64(unix.Minor(r.Rdev))
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return nil // a socket has no place in a layer
	}
	return archive.WriteHeader(h)
}

func content(archive *tar.Writer, h *tar.Header, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(archive, f, h.Size)
	return err
}
