package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// ErrEntry says that an entry of the tar asks for what cannot be or may not be.
var ErrEntry = errors.New("invalid tar entry")

// markerMode is that of the .cvmfscatalog files that DUCC writes.
const markerMode = 0o664

// Omissions counts what the tar has and the directory has not.
type Omissions struct {
	// Devices were left out because the account may not create them.
	Devices int
	// Modes counts files that did not keep a setuid, setgid or sticky bit.
	Modes int
	// First names one of each kind.
	FirstDevice, FirstMode string
}

// Options say what dir is.
type Options struct {
	// Transaction says that dir is in a transaction of a CVMFS server, which
	// loses whiteouts: a layer that has one is ErrTransaction.
	Transaction bool
}

// Tar is Into without options.
func Tar(ctx context.Context, r io.Reader, dir string) (Omissions, error) {
	return Into(ctx, r, dir, Options{})
}

// Into unpacks a layer's tar into dir, an existing and empty directory of the
// caller's, and puts a catalogue marker into it. It reads r to the end of the
// archive, which may be before r's end. After an error dir holds a part, and
// its directories have modes that allow its owner to delete it, unless the
// error came from setting these modes.
func Into(ctx context.Context, r io.Reader, dir string, options Options) (Omissions, error) {
	root, err := openRoot(dir)
	if err != nil {
		return Omissions{}, err
	}
	defer root.close()
	u := &unpacker{ctx: ctx, options: options, root: root, tar: tar.NewReader(r), left: map[string]bool{}}
	for {
		header, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.Omissions, fmt.Errorf("reading tar: %w", err)
		}
		if err := u.entry(header); err != nil {
			return u.Omissions, fmt.Errorf("unpacking %q: %w", header.Name, err)
		}
	}
	if err := u.mark(); err != nil {
		return u.Omissions, fmt.Errorf("creating %s: %w", cvmfs.CatalogFile, err)
	}
	return u.Omissions, root.finish()
}

type unpacker struct {
	ctx     context.Context
	options Options
	*root
	Omissions
	tar  *tar.Reader
	buf  []byte
	left map[string]bool // paths of devices that were left out
}

// entry makes one entry of the tar.
func (u *unpacker) entry(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := Clean(h.Name)
	if err != nil {
		return err
	}
	m := meta{mode: uint32(h.Mode & 0o7777), mtime: h.ModTime.Unix()}
	if name == "." {
		if h.Typeflag != tar.TypeDir {
			return fmt.Errorf("%w: type %q for the layer's root", ErrEntry, h.Typeflag)
		}
		u.dirs["."] = m
		return nil
	}
	base := filepath.Base(name)
	if err := checkName(h, base); err != nil {
		return err
	}
	if u.options.Transaction && isWhiteout(h, base) {
		return ErrTransaction
	}
	p, err := u.parent(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("opening parent directory: %w", err)
	}
	if h.Typeflag == tar.TypeDir {
		return u.directory(p, base, m)
	}
	if err := u.remove(p, base); err != nil {
		return fmt.Errorf("replacing: %w", err)
	}
	delete(u.left, filepath.Join(p.path, base))

	if IsLinkedWhiteout(h, base) {
		return u.file(p, base, m, 0)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return u.file(p, base, m, h.Size)
	case tar.TypeLink:
		return u.link(p, base, m, h.Linkname)
	case tar.TypeSymlink:
		if err := unix.Symlinkat(h.Linkname, p.fd, base); err != nil {
			return fmt.Errorf("creating symlink: %w", err)
		}
		return setTimes(p.fd, base, m.mtime)
	case tar.TypeChar:
		return u.node(p, base, m, unix.S_IFCHR, device(h))
	case tar.TypeBlock:
		return u.node(p, base, m, unix.S_IFBLK, device(h))
	case tar.TypeFifo:
		return u.node(p, base, m, unix.S_IFIFO, 0)
	default:
		return fmt.Errorf("%w: type %q", ErrEntry, h.Typeflag)
	}
}

// Clean turns a name in the tar into a relative path, "." for the root.
// Leading slashes mean the layer's root; what climbs above it is refused.
func Clean(name string) (string, error) {
	c := filepath.Clean(name)
	if filepath.IsAbs(c) {
		c = filepath.Clean(strings.TrimLeft(c, "/"))
	}
	if !filepath.IsLocal(c) {
		return "", fmt.Errorf("%w: the name leaves the layer", ErrEntry)
	}
	return c, nil
}

func device(h *tar.Header) int {
	return int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))
}

// mark puts the marker into the layer's root, instead of the empty file that
// the tar may have under that name.
func (u *unpacker) mark() error {
	p, err := u.parent(".")
	if err != nil {
		return err
	}
	if err := u.remove(p, cvmfs.CatalogFile); err != nil {
		return err
	}
	return u.file(p, cvmfs.CatalogFile, meta{mode: markerMode}, 0)
}
