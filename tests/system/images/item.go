package main

import (
	"archive/tar"
	"fmt"
	"io"
	"strings"
	"time"
)

// item is one tar entry of a crafted layer.
type item struct {
	kind     byte // a tar.Type…
	name     string
	mode     int64
	body     string
	target   string
	uid, gid int

	mtime        time.Time // built, if zero
	xattrs       map[string]string
	major, minor int64
	sparse       *sparse // content of a file that is mostly zeros, in place of body
}

// built is a crafted entry's time where it says nothing else: whole seconds,
// as CVMFS keeps them.
var built = time.Date(2020, 2, 20, 20, 20, 20, 0, time.UTC)

func dir(name string, mode int64) item { return item{kind: tar.TypeDir, name: name + "/", mode: mode} }

func file(name string, mode int64, body string) item {
	return item{kind: tar.TypeReg, name: name, mode: mode, body: body}
}

func symlink(name, target string) item {
	return item{kind: tar.TypeSymlink, name: name, mode: 0o777, target: target}
}

func hardlink(name, target string) item {
	return item{kind: tar.TypeLink, name: name, mode: 0o644, target: target}
}

func fifo(name string) item { return item{kind: tar.TypeFifo, name: name, mode: 0o644} }

// device makes a node of a kind: tar.TypeChar or tar.TypeBlock.
func device(kind byte, name string, mode, major, minor int64) item {
	return item{kind: kind, name: name, mode: mode, major: major, minor: minor}
}

func whiteout(name string) item { return file(name, 0o600, "") }

func (i item) owned(uid, gid int) item {
	i.uid, i.gid = uid, gid
	return i
}

func (i item) at(t time.Time) item {
	i.mtime = t
	return i
}

// with gives the entry an extended attribute.
func (i item) with(attr, value string) item {
	xattrs := map[string]string{attr: value}
	for k, v := range i.xattrs {
		xattrs[k] = v
	}
	i.xattrs = xattrs
	return i
}

func (i item) header() *tar.Header {
	h := &tar.Header{
		Typeflag: i.kind, Name: i.name, Mode: i.mode, Size: int64(len(i.body)),
		Linkname: i.target, Uid: i.uid, Gid: i.gid, ModTime: built, Format: tar.FormatPAX,
		Devmajor: i.major, Devminor: i.minor,
	}
	if !i.mtime.IsZero() {
		h.ModTime = i.mtime
	}
	if i.sparse != nil {
		h.Size = i.sparse.size
	}
	for attr, value := range i.xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+attr] = value
	}
	return h
}

func (i item) content() io.Reader {
	if i.sparse != nil {
		return i.sparse.reader()
	}
	return strings.NewReader(i.body)
}

// writeLayer writes the layer's tar as a stream: an entry may be larger than memory.
func writeLayer(w io.Writer, items []item) error {
	archive := tar.NewWriter(w)
	for _, i := range items {
		if err := i.write(w, archive); err != nil {
			return fmt.Errorf("writing entry %q: %w", i.name, err)
		}
	}
	return archive.Close()
}

func (i item) write(w io.Writer, archive *tar.Writer) error {
	if i.sparse != nil && i.sparse.holes {
		if err := archive.Flush(); err != nil {
			return err
		}
		return i.sparse.write(w, i.header())
	}
	if err := archive.WriteHeader(i.header()); err != nil {
		return err
	}
	_, err := io.Copy(archive, i.content())
	return err
}
