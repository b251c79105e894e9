package publisher

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ingest has a transaction of its own. Its flags are read as the real program
// reads them: each of them, known or not, is looked at, and takes the next word.
func (r *repository) ingest(flags []string, in io.Reader) error {
	var base, archive string
	var deletes []string
	catalog := false
	for i, flag := range flags {
		next := ""
		if i+1 < len(flags) {
			next = flags[i+1]
		}
		switch flag {
		case "-t", "--tar_file":
			archive = next
		case "-b", "--base_dir":
			base = next
		case "-d", "--delete":
			deletes = append(deletes, next)
		case "-c", "--catalog":
			catalog = true
		}
	}
	if (archive == "") != (base == "") || archive == "" && len(deletes) == 0 {
		return errors.New("ingest: give both -t and -b, or -d")
	}
	if r.isOpen() {
		return errors.New("another transaction is already open")
	}
	if err := r.writable(true); err != nil {
		return err
	}
	defer func() { _ = r.writable(false) }()
	// The union is taken away meanwhile: the mount point is an empty directory.
	mountpoint := r.tree
	r.tree = filepath.Join(filepath.Dir(mountpoint), ".unmounted-"+filepath.Base(mountpoint))
	if err := errors.Join(os.Rename(mountpoint, r.tree), os.Mkdir(mountpoint, 0o555)); err != nil {
		return err
	}
	defer func() {
		_ = errors.Join(os.Remove(mountpoint), os.Rename(r.tree, mountpoint))
		r.tree = mountpoint
	}()
	for _, path := range deletes {
		if err := remove(filepath.Join(r.tree, path)); err != nil {
			return err
		}
	}
	if archive == "" {
		return nil
	}
	if archive != "-" {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	return r.unpack(in, base, catalog)
}

// unpack makes base from a tar, complete or not at all.
func (r repository) unpack(in io.Reader, base string, catalog bool) error {
	if !filepath.IsLocal(base) || filepath.Clean(base) != base {
		return fmt.Errorf("base directory %q is not a clean path below the repository", base)
	}
	to := filepath.Join(r.tree, base)
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%q is there already", base)
	}
	work, err := os.MkdirTemp(filepath.Dir(r.tree), ".ingest-")
	if err != nil {
		return err
	}
	defer func() { _ = remove(work) }()
	u := unpacker{root: filepath.Join(work, "root"), modes: map[string]*tar.Header{}}
	if err := os.Mkdir(u.root, 0o755); err != nil {
		return err
	}
	if err := u.all(tar.NewReader(in)); err != nil {
		return err
	}
	if catalog {
		path := filepath.Join(u.root, ".cvmfscatalog")
		if err := errors.Join(os.WriteFile(path, nil, 0o664), os.Chmod(path, 0o664)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Rename(u.root, to); err != nil {
		return err
	}
	return u.finish(to)
}

// unpacker makes a tree of a tar. Names are taken as they are written: no
// symbolic link is followed, and hard links are resolved at the end.
type unpacker struct {
	root  string
	order []string
	modes map[string]*tar.Header // of directories
	links [][2]string
}

func (u *unpacker) all(archive *tar.Reader) error {
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("fatal error in reading the archive: %w", err)
		}
		if err := u.entry(h, archive); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
	for _, l := range u.links {
		if err := os.Link(filepath.Join(u.root, l[1]), filepath.Join(u.root, l[0])); err != nil {
			return err
		}
	}
	for _, path := range u.order {
		if err := steer(u.root, path); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(h.Name, "./")
	if name == h.Name {
		name = strings.TrimPrefix(name, "/")
	}
	name = strings.TrimSuffix(name, "/")
	path := filepath.Join(u.root, name)
	if name != "" && path != u.root+"/"+name {
		return errors.New("unclean name")
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil && real != filepath.Dir(path) {
		return errors.New("its parent is a symbolic link")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		u.modes[name] = h
		return os.MkdirAll(path, 0o755)
	}
	if h.Typeflag == tar.TypeLink {
		u.links = append(u.links, [2]string{name, h.Linkname})
		return nil
	}
	u.order = append(u.order, name)
	mode := uint32(h.Mode & 0o7777)
	var err error
	switch h.Typeflag {
	case tar.TypeReg:
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		err = errors.Join(err, f.Close())
	case tar.TypeSymlink:
		return errors.Join(os.Symlink(h.Linkname, path), setTime(path, h.ModTime))
	case tar.TypeFifo:
		err = unix.Mknod(path, unix.S_IFIFO|0o600, 0)
	case tar.TypeChar:
		err = unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	case tar.TypeBlock:
		err = unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	default:
		return fmt.Errorf("fatal error found unexpected file of type %q", h.Typeflag)
	}
	if err != nil {
		return err
	}
	return errors.Join(unix.Chmod(path, mode), setTime(path, h.ModTime))
}

// finish gives directories their modes and times, children first.
func (u *unpacker) finish(root string) error {
	u.root = root
	var dirs []string
	for name := range u.modes {
		dirs = append(dirs, name)
	}
	sortDeepestFirst(dirs)
	for _, name := range dirs {
		path := filepath.Join(root, name)
		h := u.modes[name]
		if err := errors.Join(setTime(path, h.ModTime), unix.Chmod(path, uint32(h.Mode&0o7777))); err != nil {
			return err
		}
	}
	return nil
}

func setTime(path string, at time.Time) error {
	t, err := unix.TimeToTimespec(at)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}
