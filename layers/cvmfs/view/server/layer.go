package server

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// verifyEvery is the least time between two questions whether a layer is still
// there, unless a directory comes out empty. A removed layer must not go on as an
// empty one for long, and a walk over many directories must not ask for each.
const verifyEvery = time.Second

// verifyFileEvery is the same between two questions for files that are opened. A
// program that starts opens thousands.
const verifyFileEvery = 100 * time.Millisecond

// layer is one layer directory, held open: its descriptor outlives a
// repository that is unmounted lazily, and keeps one that is not in place.
type layer struct {
	spec.Layer
	root  int           // O_RDONLY descriptor of the layer directory
	stat  unix.Stat_t   // of the layer directory
	fs    unix.Statfs_t // of its file system
	magic bool          // the layer is behind a CVMFS client: there are magic attributes, and inode numbers change
	fuse  bool          // the file system is a FUSE server's
	xattr bool          // it may hold extended attributes of the layer's files

	opened  time.Time
	place   check // whether it is in its place
	catalog check // whether its catalogue is the recorded one
}

// openLayers opens layers side by side: what no cache holds of each takes as long
// as the repository's servers do. The error is that of the first in the list.
func openLayers(list []spec.Layer) ([]*layer, error) {
	layers := make([]*layer, len(list))
	_, err := sideBySide(len(list), func(i int) (err error) {
		layers[i], err = openLayer(list[i])
		return err
	})
	if err == nil {
		err = statFS(layers)
	}
	if err != nil {
		closeLayers(layers)
		return nil, err
	}
	return layers, nil
}

// statFS asks each file system of the layers about itself.
func statFS(layers []*layer) error {
	for i, l := range layers {
		same := slices.IndexFunc(layers[:i], func(other *layer) bool { return other.stat.Dev == l.stat.Dev })
		if same >= 0 {
			l.fs = layers[same].fs
		} else if err := call(func() error { return unix.Fstatfs(l.root, &l.fs) }); err != nil {
			return fmt.Errorf("reading the file system of layer %q: %w", l.Path, cvmfs.FromFS(err))
		}
		l.fuse = l.fs.Type == unix.FUSE_SUPER_MAGIC
		l.xattr = !l.fuse
	}
	return nil
}

func closeLayers(layers []*layer) {
	for _, l := range layers {
		if l != nil {
			unix.Close(l.root)
		}
	}
}

// openLayer opens a layer directory and compares its content with the record.
func openLayer(s spec.Layer) (*layer, error) {
	l := &layer{Layer: s, opened: time.Now()}
	fd, err := l.open()
	if err != nil {
		return nil, fmt.Errorf("opening layer %q: %w", s.Path, err)
	}
	l.root = fd
	hash := ""
	err = call(func() (err error) {
		if err = unix.Fstat(fd, &l.stat); err == nil && !l.Store {
			hash, err = cvmfs.CatalogHash(fd)
		}
		return err
	})
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("reading layer %q: %w", s.Path, cvmfs.FromFS(err))
	}
	if s.CatalogHash != "" && hash != s.CatalogHash {
		unix.Close(fd)
		return nil, fmt.Errorf("layer %q: %w: catalogue %q, recorded %q", s.Path, cvmfs.ErrMismatch, short(hash), s.CatalogHash)
	}
	l.magic = hash != ""
	return l, nil
}

// open opens the layer's directory.
func (l *layer) open() (fd int, err error) {
	if !l.Store {
		return openRoot(l.Path, unix.O_RDONLY)
	}
	err = call(func() error {
		fd, err = unix.Open(l.Path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, cvmfs.FromFS(err)
}

// openRoot opens a layer directory beneath its repository, as the look-up did:
// what was a directory then may be a link out of the repository now.
func openRoot(path string, flags int) (fd int, err error) {
	err = call(func() error {
		fd, err = openBeneath(path, flags)
		return err
	})
	return fd, err
}

func openBeneath(path string, flags int) (int, error) {
	repository, d, err := cvmfs.SplitLayerPath(path)
	if err != nil {
		return -1, err
	}
	dir, err := cvmfs.LayerDir(d)
	if err != nil {
		return -1, err
	}
	repo, layers, err := beneath.Repository(repository, unix.O_PATH)
	if err != nil {
		return -1, fmt.Errorf("repository %q: %w", repository, err)
	}
	defer unix.Close(repo)
	defer unix.Close(layers)
	fd, err := openLayerFS(repo, dir, flags)
	if beneath.Odd(err) {
		return -1, fmt.Errorf("%w: %w", cvmfs.ErrInvalidLayer, err)
	}
	return fd, cvmfs.FromFS(err)
}

// openLayerFS opens the directory of files in a layer's. Nothing may be mounted on
// it, or on the way to it: that is not the repository's content.
func openLayerFS(repo int, dir string, flags int) (int, error) {
	parent, err := beneath.Open(repo, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	fd, err := beneath.Step(parent, cvmfs.LayerFS, flags|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	if err := beneath.SameDevice(repo, fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// verify asks whether the layer is still in its place, with the content that
// was recorded. After its removal a CVMFS client lists an open directory of the
// layer as empty, without an error, so a listing counts only with a yes after
// it: an empty one with one of its own (now), all else with one not long ago.
func (l *layer) verify(now bool) error {
	if l.Store { // its removal is the store's business
		return nil
	}
	begun := time.Since(l.opened)
	if !now {
		begun -= verifyEvery
	}
	return l.place.since(l.opened, begun, func() error {
		fd, err := openRoot(l.Path, unix.O_RDONLY)
		if errors.Is(err, unix.EACCES) {
			// The repository was mounted anew: this process may not read what is there
			// now (package confine), but see whether the layer is.
			fd, err = openRoot(l.Path, unix.O_PATH)
		}
		if err != nil {
			return fmt.Errorf("layer %q is gone: %w", l.Path, err)
		}
		defer unix.Close(fd)
		return l.verifyCatalog(fd)
	})
}

// verifyFile asks, if nobody has just now, whether a file that has been opened is one
// of the content that was recorded: a publisher may lay the same layer out again,
// with other files.
func (l *layer) verifyFile() error {
	err := l.catalog.since(l.opened, time.Since(l.opened)-verifyFileEvery, func() error { return l.verifyCatalog(l.root) })
	if err != nil {
		return err
	}
	return l.verify(false)
}

// verifyCatalog compares the catalogue of the open layer directory fd with the
// recorded one, if there is one.
func (l *layer) verifyCatalog(fd int) error {
	if l.CatalogHash == "" {
		return nil
	}
	hash := ""
	err := call(func() (err error) {
		hash, err = cvmfs.CatalogHash(fd)
		return err
	})
	if err != nil {
		return err
	}
	if hash != l.CatalogHash {
		return fmt.Errorf("layer %q: %w: catalogue %q, recorded %q", l.Path, cvmfs.ErrMismatch, short(hash), l.CatalogHash)
	}
	return nil
}

// short cuts what a repository calls its catalogue's hash, which has some 40 to 60
// digits, to what fits in a message.
func short(hash string) string {
	const most = 100
	if len(hash) > most {
		return hash[:most] + "..."
	}
	return hash
}

// status turns an error on a name that exists in the view into the answer for
// the kernel. What exists cannot be missing, so ENOENT and its kin are an
// outage: an error, never emptiness.
func status(err error) fuse.Status {
	var errno unix.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fuse.EACCES
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM),
		errors.Is(err, unix.ENOSPC): // a CVMFS client cannot hold a file in its cache
		errors.As(err, &errno)
		return fuse.Status(errno)
	default:
		return fuse.EIO
	}
}
