package main

import (
	"fmt"
	"regexp"
	"strings"
)

// kind is what a block is to those who run the page.
type kind int

const (
	command kind = iota
	file
	output
	skipped
)

// block is one block of code.
type block struct {
	line  int // where it begins, from 1
	text  string
	kind  kind
	name  string // of a file
	why   string // it is skipped
	shell string // "" is the page's own
	fails bool
}

var (
	markLine = regexp.MustCompile(`^<!-- (not run: .+|file: \S+|prints|fails|shell: \S+) -->$`)
	// Anything that means to be a mark, so that a slip does not turn it into none.
	likeMark = regexp.MustCompile(`(?i)^<!-- *(not[ -]run|files?:|prints?|fails?|shell|run)\b`)
)

// parse finds the blocks of a page.
func parse(page string) ([]block, error) {
	var blocks []block
	var marks []string
	shell := ""
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.TrimSpace(line) == "":
		case markLine.MatchString(line):
			marks = append(marks, markLine.FindStringSubmatch(line)[1])
		case likeMark.MatchString(line):
			return nil, fmt.Errorf("line %d: no mark is %q", i+1, line)
		case strings.HasPrefix(line, "```") || indented(line) && (i == 0 || strings.TrimSpace(lines[i-1]) == ""):
			b := block{line: i + 1}
			var err error
			if b.text, i, err = code(lines, i); err != nil {
				return nil, err
			}
			if err := b.mark(marks, &shell, blocks); err != nil {
				return nil, fmt.Errorf("line %d: %w", b.line, err)
			}
			blocks, marks = append(blocks, b), nil
		default:
			if len(marks) > 0 {
				return nil, fmt.Errorf("line %d: %q stands above no block", i+1, marks[0])
			}
		}
	}
	if len(marks) > 0 {
		return nil, fmt.Errorf("%q stands above no block", marks[0])
	}
	return blocks, nil
}

// code is the block that begins at line i, and its last line.
func code(lines []string, i int) (string, int, error) {
	var text []string
	if strings.HasPrefix(lines[i], "```") {
		for j := i + 1; j < len(lines); j++ {
			if lines[j] == "```" {
				return strings.Join(text, "\n"), j, nil
			}
			text = append(text, lines[j])
		}
		return "", 0, fmt.Errorf("line %d: the fence is not closed", i+1)
	}
	last := i
	for j := i; j < len(lines) && (indented(lines[j]) || strings.TrimSpace(lines[j]) == ""); j++ {
		text = append(text, strings.TrimPrefix(lines[j], "    "))
		if indented(lines[j]) {
			last = j
		}
	}
	return strings.Join(text[:last-i+1], "\n"), last, nil
}

func indented(line string) bool {
	return strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != ""
}

// mark applies what stands above a block.
func (b *block) mark(marks []string, shell *string, before []block) error {
	kinds := 0
	for _, m := range marks {
		what, value, _ := strings.Cut(m, ": ")
		switch what {
		case "not run":
			b.kind, b.why = skipped, value
			kinds++
		case "file":
			b.kind, b.name = file, value
			kinds++
		case "prints":
			b.kind = output
			kinds++
		case "fails":
			b.fails = true
		case "shell":
			*shell = value
		}
	}
	b.shell = *shell
	switch {
	case kinds > 1:
		return fmt.Errorf("it is marked as more than one thing")
	case b.fails && b.kind != command:
		return fmt.Errorf("only a command fails")
	case b.kind == output && (len(before) == 0 || before[len(before)-1].kind != command || before[len(before)-1].shell != b.shell):
		return fmt.Errorf("it is what a command prints, and none stands before it")
	}
	return nil
}
