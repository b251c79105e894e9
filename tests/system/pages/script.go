package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// end closes a file in a script.
const end = "END_OF_THE_FILE"

// script writes a shell's commands and files, in the page's order.
func script(w io.Writer, blocks []block, shell, dir string) error {
	var s strings.Builder
	some := false
	for _, b := range blocks {
		if b.shell != shell || (b.kind != command && b.kind != file) {
			continue
		}
		some = true
		// The last that was begun is where a run that fails has failed.
		fmt.Fprintf(&s, "echo %d >%[2]s/last\nexec >%[2]s/%[1]d 2>&1\n", b.line, dir)
		switch {
		case b.kind == file:
			fmt.Fprintf(&s, "mkdir -p \"$(dirname %[1]s)\"\ncat >%[1]s <<'%[2]s'\n%[3]s\n%[2]s\n", b.name, end, b.text)
		case b.fails:
			fmt.Fprintf(&s, "set +e\n%s\nif [ $? = 0 ]; then echo 'it did not fail'; exit 1; fi\nset -e\n", b.text)
		default:
			fmt.Fprintln(&s, b.text)
		}
	}
	if !some {
		return fmt.Errorf("the page has no commands for shell %q", shell)
	}
	_, err := fmt.Fprintf(w, "set -euo pipefail\n%s", s.String())
	return err
}

// prints compares what blocks have printed with what the page says.
func prints(blocks []block, shell, dir string) error {
	var failed []error
	for i, b := range blocks {
		if b.kind != output || b.shell != shell {
			continue
		}
		printed, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(blocks[i-1].line)))
		if err != nil {
			return err
		}
		if line, ok := holds(string(printed), b.text); !ok {
			failed = append(failed, fmt.Errorf("line %d: %q was not printed, or not there:\n%s", b.line, line, printed))
		}
	}
	return errors.Join(failed...)
}

// holds says whether each line of the text is among those that were printed,
// in this order; and if not, which is missing.
func holds(printed, text string) (string, bool) {
	lines := strings.Split(printed, "\n")
	at := 0
	for _, want := range strings.Split(text, "\n") {
		pattern := wildcard(want)
		for at < len(lines) && !pattern.MatchString(lines[at]) {
			at++
		}
		if at == len(lines) {
			return want, false
		}
		at++
	}
	return "", true
}

var blanks = regexp.MustCompile(` +`)

// wildcard matches a line: … stands for anything, and a blank for one or more,
// since columns are as wide as what is in them.
func wildcard(line string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(strings.TrimRight(line, " "))
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile("^" + blanks.ReplaceAllString(pattern, " +") + " *$")
}
