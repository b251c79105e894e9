package main

import (
	"fmt"
	"os"
	"strings"
)

const (
	tableBegin = "<!-- licences: written by `make licences UPDATE=1` -->"
	tableEnd   = "<!-- end of licences -->"
)

// table is the list as it stands in the document.
func table(modules []added) (string, error) {
	var b strings.Builder
	b.WriteString("| module | version | licence | linked into | stock podman links |\n| --- | --- | --- | --- | --- |\n")
	for _, m := range modules {
		ids, err := licences(m.module)
		if err != nil {
			return "", err
		}
		stock := m.stock
		if stock == m.Version {
			stock = "the same"
		}
		if stock == "" {
			stock = "-"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.Path, m.Version, strings.Join(ids, ", "), strings.Join(m.in, ", "), stock)
	}
	return b.String(), nil
}

// checkDocument holds a document against the table, or writes the table into it.
func checkDocument(path, table string, update bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(text), tableBegin+"\n")
	have, after, ended := strings.Cut(rest, tableEnd)
	if !begun || !ended {
		return fmt.Errorf("%s: no table between %q and %q", path, tableBegin, tableEnd)
	}
	want := "\n" + table + "\n"
	if have == want {
		return nil
	}
	if !update {
		return fmt.Errorf("%s is out of date: `make licences UPDATE=1` writes it\n%s", path, changed(have, want))
	}
	return os.WriteFile(path, []byte(before+tableBegin+"\n"+want+tableEnd+after), 0o644)
}

// changed lists the lines of one text that the other lacks.
func changed(have, want string) string {
	var out []string
	lacks := func(sign, of, in string) {
		for _, line := range strings.Split(of, "\n") {
			if !strings.Contains("\n"+in+"\n", "\n"+line+"\n") {
				out = append(out, sign+line)
			}
		}
	}
	lacks("-", have, want)
	lacks("+", want, have)
	return strings.Join(out, "\n")
}
