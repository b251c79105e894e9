package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const checkout = "../../.."

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(checkout, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// quoted gives the messages that docs/troubleshooting.md explains.
func quoted(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, line := range strings.Split(read(t, "docs/troubleshooting.md"), "\n") {
		if message, ok := strings.CutPrefix(line, "- `"); ok {
			message, ok = strings.CutSuffix(message, "`")
			if !ok || strings.Contains(message, "`") {
				t.Fatalf("no message is %q", line)
			}
			out = append(out, message)
		}
	}
	return out
}

// measured gives the messages that the tests have met, as the pages list them.
func measured(t *testing.T) []string {
	t.Helper()
	var out []string
	item := regexp.MustCompile("^[0-9]+\\. `(.*)`$")
	for _, page := range []string{"docs/faults.md", "docs/commands.md"} {
		for _, line := range strings.Split(read(t, page), "\n") {
			if m := item.FindStringSubmatch(line); m != nil {
				out = append(out, m[1])
			}
		}
	}
	return out
}

var (
	// A string that goes on in the next line of a source.
	joined = regexp.MustCompile("[\"`] *\\+\\s*(//.*)?\\n\\+?\\s*[\"`]")
	verbs  = strings.NewReplacer(`\"`, `"`, "%q", `"…"`, "%w", "…", "%s", "…", "%v", "…", "%d", "…", "%#v", "…", "%%", "%")
	// What a program can say is a string in its source.
	literal = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
)

// sources gives each string in our programs and patches, as messages read with
// … for what differs, and what the system adds to them.
func sources(t *testing.T) []string {
	t.Helper()
	var out []string
	add := func(text string) {
		for _, line := range strings.Split(joined.ReplaceAllString(text, ""), "\n") {
			if strings.HasPrefix(strings.TrimLeft(line, "+ \t"), "//") {
				continue
			}
			for _, s := range literal.FindAllString(line, -1) {
				out = append(out, verbs.Replace(s[1:len(s)-1]))
			}
		}
	}
	for _, dir := range []string{"layers/cvmfs", "storage", "podman-patches"} {
		err := filepath.WalkDir(filepath.Join(checkout, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			add(string(data))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, series := range []string{"storage/v*/*.patch", "podman-patches/*/v*/*.patch"} {
		patches, err := filepath.Glob(filepath.Join(checkout, series))
		if err != nil || len(patches) == 0 {
			t.Fatalf("%s: %v, %v", series, patches, err)
		}
		for _, path := range patches {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var added strings.Builder
			for _, line := range strings.Split(string(data), "\n") {
				if strings.HasPrefix(line, "+") {
					added.WriteString(line + "\n")
				}
			}
			add(added.String())
		}
	}
	out = append(out, fs.ErrNotExist.Error())
	for errno := syscall.Errno(1); errno < 134; errno++ {
		out = append(out, errno.Error())
	}
	// What stock tools say is there only as others.bats measured it.
	for _, line := range strings.Split(read(t, "docs/store.md"), "\n") {
		out = append(out, strings.ReplaceAll(line, "`", ""))
	}
	return out
}

// says matches a line that holds the message, … being anything.
func says(message string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(message), "…", ".*"))
}

// fixed is how much of a message does not differ from case to case.
func fixed(message string) int {
	return len(strings.Trim(strings.ReplaceAll(message, "…", ""), ` ":;,.`))
}

func TestQuotedMessagesExist(t *testing.T) {
	messages, lines := quoted(t), append(measured(t), sources(t)...)
	if len(messages) < 50 {
		t.Fatalf("%d messages: the page is read wrongly", len(messages))
	}
	for _, message := range messages {
		if fixed(message) < 8 {
			t.Errorf("%q could be anything", message)
		}
		// Sentinels and causes are wrapped: each part may be of another line.
		for _, part := range parts(message, lines) {
			if !slices.ContainsFunc(lines, says(part).MatchString) {
				t.Errorf("%q: nothing says %q", message, part)
			}
		}
	}
}

// parts is the message, if one line has it all, or else what stands between
// its colons.
func parts(message string, lines []string) []string {
	if slices.ContainsFunc(lines, says(message).MatchString) {
		return []string{message}
	}
	var out []string
	for _, part := range strings.Split(message, ": ") {
		if fixed(part) > 0 {
			out = append(out, part)
		}
	}
	return out
}

func TestMessagesAreExplained(t *testing.T) {
	messages := quoted(t)
	explained := func(message string) bool {
		return slices.ContainsFunc(messages, func(q string) bool { return says(q).MatchString(message) || strings.Contains(q, message) })
	}
	for _, message := range measured(t) {
		if message != "exit status 1" && !explained(message) { // the health check's own
			t.Errorf("docs/troubleshooting.md does not explain %q", message)
		}
	}
	// The sentinels, and whatever a configuration can get wrong.
	created := regexp.MustCompile(`(?:errors\.New|fmt\.Errorf)\(("(?:[^"\\]|\\.)*")`)
	files, err := filepath.Glob(filepath.Join(checkout, "layers/cvmfs/config/*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	count := 0
	for _, path := range append(files, filepath.Join(checkout, "layers/cvmfs/errors.go")) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range created.FindAllStringSubmatch(string(data), -1) {
			message := strings.TrimPrefix(verbs.Replace(m[1][1:len(m[1])-1]), "…: ")
			if fixed(message) == 0 {
				continue
			}
			count++
			if !explained(message) {
				t.Errorf("docs/troubleshooting.md does not explain %q", message)
			}
		}
	}
	if count < 15 {
		t.Errorf("%d messages of the configuration and sentinels: the sources are read wrongly", count)
	}
}
