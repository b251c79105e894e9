package standin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Magic attributes, by the client's names (cvmfs/magic_xattr.cc).
const (
	xattrFQRN     = "user.fqrn"
	xattrRevision = "user.revision"
	xattrRootHash = "user.root_hash"
	xattrCounters = "user.catalog_counters"
	xattrRawLink  = "xfsroot.rawlink"
)

// GetXAttr answers magic attributes; those of the tree are not CVMFS's to show.
func (s *Server) GetXAttr(cancel <-chan struct{}, header *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	n, status := s.enter(opGetxattr, header.NodeId, cancel)
	if !status.Ok() {
		return 0, status
	}
	if removed, _ := s.nodes.fate(n); !removed.IsZero() {
		return 0, s.gone(removed)
	}
	value, err := s.magic(n, attr)
	if err != nil {
		return 0, fuse.ToStatus(err)
	}
	return fill(dest, value)
}

// ListXAttr lists nothing, except on the repository's root.
func (s *Server) ListXAttr(cancel <-chan struct{}, header *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	n, status := s.enter(opListxattr, header.NodeId, cancel)
	if !status.Ok() {
		return 0, status
	}
	if n.path != "" {
		return 0, fuse.OK
	}
	names := []string{xattrFQRN, xattrRevision, xattrRootHash}
	return fill(dest, strings.Join(names, "\x00")+"\x00")
}

func fill(dest []byte, value string) (uint32, fuse.Status) {
	if len(dest) < len(value) {
		return uint32(len(value)), fuse.ERANGE
	}
	return uint32(copy(dest, value)), fuse.OK
}

func (s *Server) magic(n *node, attr string) (string, error) {
	if n.is.mode == unix.S_IFLNK {
		if attr == xattrRawLink {
			return s.tree.readlink(n.path)
		}
		return "", unix.ENODATA
	}
	if attr == xattrCounters {
		top := catalogueOf(n.path)
		hash, err := s.catalogHash(top)
		return fmt.Sprintf("catalog_hash: %s\ncatalog_mountpoint: /%s\n", hash, top), err
	}
	if n.path != "" {
		return "", unix.ENODATA
	}
	switch attr {
	case xattrFQRN:
		return s.opts.FQRN, nil
	case xattrRevision:
		return strconv.FormatUint(s.revision.Load(), 10), nil
	case xattrRootHash:
		return s.catalogHash("")
	default:
		return "", unix.ENODATA
	}
}
