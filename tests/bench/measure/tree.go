package main

import (
	"archive/tar"
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// built is every entry's time: whole seconds, as CVMFS keeps them.
var built = time.Date(2020, 2, 20, 20, 20, 20, 0, time.UTC)

// tree is a tree of dirs directories with files files each, spread over layers.
type tree struct {
	layers, dirs, files, size int
	shape                     string // where a name lies
}

// The shapes. "every": each directory is in every layer, and its files take
// turns, so that each is merged of all layers: the worst that depth can do.
// "own": each directory with all its files is in one layer.
const (
	everyLayer = "every"
	ownLayer   = "own"
)

// writeTree writes layer-000.tar and so on into a directory.
func writeTree(args []string) error {
	t := tree{shape: args[2]}
	for i, number := range []*int{nil, &t.layers, nil, &t.dirs, &t.files, &t.size} {
		if number == nil {
			continue
		}
		var err error
		if *number, err = strconv.Atoi(args[i]); err != nil {
			return fmt.Errorf("parsing the tree's measures: %w", err)
		}
	}
	if t.shape != everyLayer && t.shape != ownLayer {
		return fmt.Errorf("%q is no shape of a tree", t.shape)
	}
	for l := range t.layers {
		if err := t.writeLayer(filepath.Join(args[0], fmt.Sprintf("layer-%03d.tar", l)), l); err != nil {
			return fmt.Errorf("writing layer %d: %w", l, err)
		}
	}
	return nil
}

func (t tree) writeLayer(path string, layer int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := bufio.NewWriterSize(f, 1<<20)
	w := tar.NewWriter(buf)
	add := func(kind byte, name string, mode int64, body string) error {
		h := &tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: int64(len(body)), ModTime: built, Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write([]byte(body))
		return err
	}
	// No two layers may be the same, also where the tree is too small for all.
	if err := add(tar.TypeReg, fmt.Sprintf("layer-%03d", layer), 0o644, ""); err != nil {
		return err
	}
	above := map[string]bool{"tree/": true}
	if err := add(tar.TypeDir, "tree/", 0o755, ""); err != nil {
		return err
	}
	for d := range t.dirs {
		if t.shape == ownLayer && d%t.layers != layer {
			continue
		}
		// Two levels, as software is laid out: not all directories in one.
		group := fmt.Sprintf("tree/%02d/", d%50)
		if !above[group] {
			above[group] = true
			if err := add(tar.TypeDir, group, 0o755, ""); err != nil {
				return err
			}
		}
		dir := fmt.Sprintf("%sdir-%05d/", group, d)
		if err := add(tar.TypeDir, dir, 0o755, ""); err != nil {
			return err
		}
		for i := range t.files {
			if t.shape == everyLayer && i%t.layers != layer {
				continue
			}
			name := fmt.Sprintf("%smodule_%04d.py", dir, i)
			body := strings.Repeat(name+"\n", t.size/len(name)+1)[:t.size]
			if err := add(tar.TypeReg, name, 0o644, body); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return buf.Flush()
}
