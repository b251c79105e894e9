package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

const format = "oracle 1"

// header is a record's first line.
type header struct {
	Record string   `json:"record"` // format
	Source string   `json:"source"` // capture or tar
	Fields []string `json:"fields"` // those that the source holds
	UID    int      `json:"uid"`    // who looked
}

// trailer is a record's last line: without it, the record is cut off.
type trailer struct {
	End     bool `json:"end"`
	Entries int  `json:"entries"`
}

type writer struct {
	encoder *json.Encoder
	entries int
}

func newWriter(w io.Writer, source string, fields []string) (*writer, error) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &writer{encoder: encoder}, encoder.Encode(header{format, source, fields, os.Getuid()})
}

func (w *writer) write(e *entry) error {
	w.entries++
	return w.encoder.Encode(e)
}

func (w *writer) end() error { return w.encoder.Encode(trailer{true, w.entries}) }

// tree is a record that was read.
type tree struct {
	header
	entries []*entry // in order
	byPath  map[string]*entry
	holds   map[string]bool
}

func readFile(name string) (*tree, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("reading record %q: %w", name, err)
	}
	return t, nil
}

// read reads a record and refuses one that is cut off, out of order, or lacks
// what it says that it holds.
func read(r io.Reader) (*tree, error) {
	lines := bufio.NewReaderSize(r, 1<<20)
	t := &tree{byPath: map[string]*entry{}, holds: map[string]bool{}}
	if err := readLine(lines, &t.header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if t.Record != format {
		return nil, fmt.Errorf("header: not %q but %q", format, t.Record)
	}
	for _, field := range t.Fields {
		t.holds[field] = true
	}
	for _, field := range []string{"type", "mode", "size", "mtime", "hash", "target"} {
		if !t.holds[field] {
			return nil, fmt.Errorf("header: no field %q", field)
		}
	}
	last := ""
	for {
		line := struct {
			entry
			trailer
		}{}
		if err := readLine(lines, &line); err != nil {
			return nil, fmt.Errorf("after entry %d: %w", len(t.entries), err)
		}
		if line.End {
			return t, t.ended(lines, line.trailer)
		}
		path, err := t.add(&line.entry, last)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(t.entries)+1, err)
		}
		last = path
	}
}

// add checks an entry that comes after path last, and returns its path.
func (t *tree) add(e *entry, last string) (string, error) {
	path, err := unquote(e.Path)
	if err != nil {
		return "", err
	}
	if path != clean(path) {
		return "", fmt.Errorf("%q is not a path", e.Path)
	}
	if !before(last, path) {
		return "", fmt.Errorf("%q is out of order", e.Path)
	}
	if !knownKind(e.Type) {
		return "", fmt.Errorf("%q has no known type: %q", e.Path, e.Type)
	}
	if field := e.lacks(t.holds); field != "" {
		return "", fmt.Errorf("%q lacks %s", e.Path, field)
	}
	kept := *e
	t.entries = append(t.entries, &kept)
	t.byPath[e.Path] = &kept
	return path, nil
}

func (t *tree) ended(lines *bufio.Reader, end trailer) error {
	if end.Entries != len(t.entries) {
		return fmt.Errorf("%d entries, but the trailer says %d", len(t.entries), end.Entries)
	}
	if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the trailer")
	}
	for _, e := range t.entries {
		if group := t.byPath[e.Group]; e.Group != "" && (group == nil || group.Group != "") {
			return fmt.Errorf("%q is linked to %q, which is not the first of its group", e.Path, e.Group)
		}
	}
	return nil
}

func readLine(lines *bufio.Reader, to any) error {
	line, err := lines.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return errors.New("cut off: no trailer")
	}
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return err
	}
	if decoder.InputOffset() != int64(len(line)-1) {
		return errors.New("more than one value in a line")
	}
	return nil
}
