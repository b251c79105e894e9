package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// sparse is the content of a file that is zeros but for a few pieces.
type sparse struct {
	size   int64
	pieces []piece // in order, not overlapping
	holes  bool    // the tar leaves the zeros out, as tar --sparse does
}

type piece struct {
	offset int64
	data   string
}

// reader gives the content, zeros and all.
func (s *sparse) reader() io.Reader {
	var parts []io.Reader
	end := int64(0)
	for _, p := range s.pieces {
		parts = append(parts, io.LimitReader(zeros{}, p.offset-end), strings.NewReader(p.data))
		end = p.offset + int64(len(p.data))
	}
	return io.MultiReader(append(parts, io.LimitReader(zeros{}, s.size-end))...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

const tarBlock = 512

// write writes the entry in GNU tar's sparse format 1.0 (GNU tar manual, "PAX
// Format, Version 1.0"), which archive/tar reads and does not write: an
// extended header with the real name and size, then a file that starts with a
// map of the pieces.
func (s *sparse) write(w io.Writer, h *tar.Header) error {
	layout := fmt.Sprintf("%d\n", len(s.pieces)+1)
	data := ""
	for _, p := range s.pieces {
		layout += fmt.Sprintf("%d\n%d\n", p.offset, len(p.data))
		data += p.data
	}
	layout += fmt.Sprintf("%d\n0\n", s.size) // where the file ends
	packed := padded(layout) + data

	records := paxRecord("GNU.sparse.major", "1") + paxRecord("GNU.sparse.minor", "0") +
		paxRecord("GNU.sparse.name", h.Name) + paxRecord("GNU.sparse.realsize", fmt.Sprint(s.size))
	for _, part := range []struct {
		kind byte
		body string
	}{{tar.TypeXHeader, records}, {tar.TypeReg, packed}} {
		block, err := ustarBlock(part.kind, h, int64(len(part.body)))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, block+padded(part.body)); err != nil {
			return err
		}
	}
	return nil
}

func padded(s string) string {
	return s + strings.Repeat("\x00", (tarBlock-len(s)%tarBlock)%tarBlock)
}

// paxRecord is "length key=value\n", the length counting itself.
func paxRecord(key, value string) string {
	rest := fmt.Sprintf(" %s=%s\n", key, value)
	length := len(rest) + 1
	for length != len(fmt.Sprint(length))+len(rest) {
		length++
	}
	return fmt.Sprint(length) + rest
}

// ustarBlock is h as a plain header block of another kind, under the name that
// GNU tar gives to what only readers of the format can make sense of.
func ustarBlock(kind byte, h *tar.Header, size int64) (string, error) {
	var buf bytes.Buffer
	err := tar.NewWriter(&buf).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: "GNUSparseFile.0/packed", Size: size, Mode: h.Mode,
		Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime, Format: tar.FormatUSTAR,
	})
	if err != nil {
		return "", err
	}
	// archive/tar refuses to write extended headers: change the type, and the
	// checksum, which is taken with its own field full of spaces.
	block := buf.Bytes()
	block[156] = kind
	copy(block[148:156], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return string(block), nil
}
