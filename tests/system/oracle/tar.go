package main

import (
	"archive/tar"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// recordTar writes the record of a tar. A tar has no order, so its entries are
// kept in memory until the end.
func recordTar(out io.Writer, in io.Reader, pruned paths) error {
	entries, links := map[string]*entry{}, map[string]string{} // by path, of a hard link to the path of its target
	counted := &counter{in: in}
	archive := tar.NewReader(counted)
	for {
		counted.n = 0
		h, err := archive.Next()
		if errors.Is(err, io.EOF) && counted.n < endSize {
			err = io.ErrUnexpectedEOF // package tar takes a tar for whole that ends after any entry
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading tar: %w", err)
		}
		path := clean(h.Name)
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if entries[path] != nil || links[path] != "" {
			return fmt.Errorf("reading tar: %q is there twice", path)
		}
		if h.Typeflag == tar.TypeLink {
			links[path] = clean(h.Linkname)
			continue
		}
		if entries[path], err = tarEntry(path, h, archive); err != nil {
			return fmt.Errorf("reading tar: entry %q: %w", path, err)
		}
	}
	if err := joinLinks(entries, links); err != nil {
		return err
	}
	return writeSorted(out, entries, links, pruned)
}

// endSize is what ends a tar: two blocks of zeros.
const endSize = 2 * 512

type counter struct {
	in io.Reader
	n  int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.n += int64(n)
	return n, err
}

// joinLinks makes each hard link an entry like its target's.
func joinLinks(entries map[string]*entry, links map[string]string) error {
	for path, target := range links {
		for range links { // a link may name another; no chain is longer than this
			next, ok := links[target]
			if !ok {
				break
			}
			target = next
		}
		e := entries[target]
		if e == nil {
			return fmt.Errorf("reading tar: %q is a hard link to %q, which is not there", path, target)
		}
		linked := *e
		linked.Path = quote(path)
		links[path], entries[path] = target, &linked
	}
	return nil
}

func writeSorted(out io.Writer, entries map[string]*entry, links map[string]string, pruned paths) error {
	record, err := newWriter(out, "tar", tarFields)
	if err != nil {
		return err
	}
	order := make([]string, 0, len(entries))
	for path := range entries {
		order = append(order, path)
	}
	sort.Slice(order, func(i, j int) bool { return before(order[i], order[j]) })
	first := map[string]string{} // the first path of each group, by the path that the tar's links name
	for _, path := range order {
		if pruned.covers(path) {
			continue
		}
		e, named := entries[path], path
		if target, ok := links[path]; ok {
			named = target
		}
		if e.Group = first[named]; e.Group == "" {
			first[named] = e.Path
		}
		if err := record.write(e); err != nil {
			return err
		}
	}
	return record.end()
}

func tarEntry(path string, h *tar.Header, content io.Reader) (*entry, error) {
	uid, gid, seconds, nsec := uint32(h.Uid), uint32(h.Gid), h.ModTime.Unix(), int64(h.ModTime.Nanosecond())
	e := &entry{Path: quote(path), Mode: octal(uint32(h.Mode)), UID: &uid, GID: &gid, Mtime: &seconds, Nsec: &nsec}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeGNUSparse, tar.TypeCont: //nolint:staticcheck // old tars have TypeRegA
		e.Type = kindFile
	case tar.TypeDir:
		e.Type = kindDir
	case tar.TypeSymlink:
		e.Type = kindSymlink
		target := quote(h.Linkname)
		e.Target = &target
	case tar.TypeFifo:
		e.Type = kindFifo
	case tar.TypeChar, tar.TypeBlock:
		e.Type = kindChar
		if h.Typeflag == tar.TypeBlock {
			e.Type = kindBlock
		}
		e.Rdev = fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)
	default:
		return nil, fmt.Errorf("unknown type %q", h.Typeflag)
	}
	if e.Type != kindDir {
		size := h.Size
		if e.Type == kindSymlink { // as looking it up tells it
			size = int64(len(h.Linkname))
		}
		e.Size = &size
	}
	for key, value := range h.PAXRecords {
		if attr, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[quote(attr)] = hex.EncodeToString([]byte(value))
		}
	}
	if e.Type != kindFile {
		return e, nil
	}
	return e, tarContent(e, content)
}

func tarContent(e *entry, content io.Reader) error {
	h, buf := newHasher(*e.Size), make([]byte, min(*e.Size, blockSize))
	for h.size < *e.Size {
		n, err := io.ReadFull(content, buf[:min(*e.Size-h.size, blockSize)])
		if err != nil {
			return err
		}
		h.block(buf[:n])
	}
	e.Hash = h.sum()
	return nil
}
