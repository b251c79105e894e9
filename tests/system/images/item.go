package main

import (
	"archive/tar"
	"bytes"
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
}

// built is every crafted entry's time: whole seconds, as CVMFS keeps them.
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

func (i item) owned(uid, gid int) item {
	i.uid, i.gid = uid, gid
	return i
}

func layerTar(items []item) ([]byte, error) {
	var buf bytes.Buffer
	archive := tar.NewWriter(&buf)
	for _, i := range items {
		h := &tar.Header{
			Typeflag: i.kind, Name: i.name, Mode: i.mode, Size: int64(len(i.body)),
			Linkname: i.target, Uid: i.uid, Gid: i.gid, ModTime: built, Format: tar.FormatPAX,
		}
		if err := archive.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(i.body)); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
