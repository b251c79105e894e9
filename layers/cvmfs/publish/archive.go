package publish

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// archive writes a staged layer as a tar from which cvmfs_server makes the same
// tree. A layer's own tar may hold what the server reads in another way than a
// pull does: entries that replace each other, parents that are symlinks, hard
// links named "./x". This one has each path once, parents first, and clean
// names. The marker in the layer's root is left to the server.
//
// The tree is the caller's, to be deleted after this: directories and files
// that deny their owner the reading are opened.
func archive(ctx context.Context, w io.Writer, root string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	top := fmt.Sprintf("/proc/self/fd/%d", dir.Fd()) // short: a path in the layer may be as long as PATH_MAX allows
	a := archiver{tar: tar.NewWriter(w), links: map[uint64]string{}}
	err = filepath.WalkDir(top+"/.", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil || name == cvmfs.CatalogFile {
			return err
		}
		return a.add(path, name)
	})
	if err != nil {
		return err
	}
	return a.tar.Close()
}

type archiver struct {
	tar   *tar.Writer
	links map[uint64]string // files with several names, by inode: the first name
}

func (a *archiver) add(path, name string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	h := tar.Header{
		Name: name, Mode: int64(st.Mode & 0o7777), ModTime: time.Unix(st.Mtim.Unix()), Format: tar.FormatPAX,
		Devmajor: int64(unix.Major(st.Rdev)), Devminor: int64(unix.Minor(st.Rdev)),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		if err := os.Chmod(path, 0o700); err != nil {
			return err
		}
	case unix.S_IFREG:
		if first, again := a.links[st.Ino]; again {
			h.Typeflag, h.Linkname = tar.TypeLink, first
			break
		}
		if st.Nlink > 1 {
			a.links[st.Ino] = name
		}
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case unix.S_IFCHR:
		h.Typeflag = tar.TypeChar
	case unix.S_IFBLK:
		h.Typeflag = tar.TypeBlock
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return fmt.Errorf("archiving %q: unexpected type %#o", name, st.Mode&unix.S_IFMT)
	}
	if err := a.tar.WriteHeader(&h); err != nil {
		return fmt.Errorf("archiving %q: %w", name, err)
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	return a.content(path, name, &st)
}

func (a *archiver) content(path, name string, st *unix.Stat_t) error {
	if st.Mode&0o400 == 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(a.tar, f); err != nil {
		return fmt.Errorf("archiving %q: %w", name, err)
	}
	return nil
}
