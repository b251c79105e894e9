package main

import (
	"go/format"
	"go/parser"
	"go/token"
	"sort"
	"strconv"
	"strings"
)

// translate gives a Go file the import paths of another line: those of its
// modules, by name. Names are sorted where they are imported, so the file is
// formatted; other files come back as they are. It is its own inverse for files
// that are formatted.
func translate(name string, data []byte, from, to *line) ([]byte, error) {
	if from == to || !strings.HasSuffix(name, ".go") {
		return data, nil
	}
	renamed := map[string]string{}
	for i, m := range from.modules {
		if to.modules[i].path != m.path {
			renamed[m.path] = to.modules[i].path
		}
	}
	return renameImports(name, data, renamed)
}

// renameImports replaces import paths, and the module paths that they begin with.
func renameImports(name string, data []byte, renamed map[string]string) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, data, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	type edit struct {
		start, end int
		path       string
	}
	edits := []edit{}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		for old, new := range renamed {
			if rest, ok := strings.CutPrefix(path, old); ok && (rest == "" || rest[0] == '/') {
				edits = append(edits, edit{files.Position(spec.Path.Pos()).Offset, files.Position(spec.Path.End()).Offset, new + rest})
				break
			}
		}
	}
	if len(edits) == 0 {
		return data, nil
	}
	sort.Slice(edits, func(i, j int) bool { return edits[i].start > edits[j].start })
	text := string(data)
	for _, e := range edits {
		text = text[:e.start] + strconv.Quote(e.path) + text[e.end:]
	}
	return format.Source([]byte(text))
}
