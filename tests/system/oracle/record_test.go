package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	tests := []struct{ raw, quoted string }{
		{"/plain name", "/plain name"},
		{"/a\nb", `/a\x0ab`},
		{`/a\x0ab`, `/a\x5cx0ab`},
		{"/\xff\xc3", `/\xff\xc3`},
		{"/é\u2028\ufffd", "/é\u2028\ufffd"},
		{"/\x7f\t\"<", `/\x7f\x09"<`},
	}
	for _, test := range tests {
		t.Run(test.quoted, func(t *testing.T) {
			if got := quote(test.raw); got != test.quoted {
				t.Errorf("quote: %q", got)
			}
			if got, err := unquote(test.quoted); err != nil || got != test.raw {
				t.Errorf("unquote: %q, %v", got, err)
			}
		})
	}
	for _, bad := range []string{`\`, `\x0`, `\x0g`, `\n`, `\x41`, "a\nb", "\xff", `\x0A`} {
		if got, err := unquote(bad); err == nil {
			t.Errorf("unquote %q: %q", bad, got)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("/a\xff\\\n")
	f.Fuzz(func(t *testing.T, raw string) {
		quoted := quote(raw)
		if strings.ContainsAny(quoted, "\n\r\x00") {
			t.Errorf("not in one line: %q", quoted)
		}
		if got, err := unquote(quoted); err != nil || got != raw {
			t.Errorf("%q comes back as %q, %v", raw, got, err)
		}
	})
}

func TestBefore(t *testing.T) {
	order := []string{"", "/", "/a", "/a/b", "/a/b/c", "/a/b-", "/a ", "/a-", "/a-/b", "/a.b", "/ab", "/\xff"}
	for i := range order {
		for j := range order {
			if before(order[i], order[j]) != (i < j) {
				t.Errorf("before(%q, %q) is %v", order[i], order[j], !(i < j))
			}
		}
	}
}

func TestRead(t *testing.T) {
	name := writeRecord(t, sample(), captureFields)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += 7 {
		if _, err := read(bytes.NewReader(whole[:cut])); err == nil {
			t.Fatalf("a record of which only %d bytes of %d are there was read", cut, len(whole))
		}
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	join := func(parts ...[]string) string {
		var all []string
		for _, part := range parts {
			all = append(all, part...)
		}
		return strings.Join(all, "") + "\n"
	}
	replaced := func(from, to string) string { return strings.Replace(string(whole), from, to, 1) }
	bad := map[string]string{
		"one entry is gone":     join(lines[:2], lines[3:]),
		"no header":             join(lines[1:]),
		"one entry twice":       join(lines[:5], lines[4:]),
		"out of order":          join(lines[:4], lines[5:6], lines[4:5], lines[6:]),
		"more after the end":    string(whole) + lines[1],
		"two in a line":         replaced("}\n{\"path\"", "}{\"path\""),
		"another format":        replaced("oracle 1", "oracle 2"),
		"a field of no meaning": replaced(`"mode"`, `"made"`),
		"a mode is lacking":     replaced(`"mode":"0755",`, ""),
		"a hash is lacking":     replaced(`,"hash":"sha256:/file"`, ""),
		"a size is lacking":     replaced(`"size":3,`, ""),
		"a target is lacking":   replaced(`,"target":"file"`, ""),
		"a device is lacking":   replaced(`,"rdev":"1:3"`, ""),
		"an error is lacking":   replaced(`,"errors":[{"call":"stat","errno":"EIO"}]`, ""),
		"no such type":          replaced(`"type":"file"`, `"type":"fil"`),
		"a path is not quoted":  replaced(`"/file"`, `"/fi\nle"`),
		"a path is not clean":   replaced(`"/file"`, `"/./file"`),
		"a group has no first":  replaced(`"group":"/hard"`, `"group":"/hare"`),
		"hashes are not held":   replaced(`,"hash"`, ""),
	}
	for name, record := range bad {
		t.Run(name, func(t *testing.T) {
			if record == string(whole) {
				t.Fatal("the record is undamaged")
			}
			if _, err := read(strings.NewReader(record)); err == nil {
				t.Error("it was read")
			} else {
				t.Log(err)
			}
		})
	}
}

func TestCompareRefuses(t *testing.T) {
	ordinary, other := writeRecord(t, sample(), captureFields), writeRecord(t, ideal(), captureFields)
	linked := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(ordinary, linked); err != nil {
		t.Fatal(err)
	}
	empty := writeRecord(t, nil, captureFields)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"the same file", []string{ordinary, ordinary}, "same file"},
		{"a link to it", []string{ordinary, linked}, "same file"},
		{"too few of the other", []string{ordinary, other}, "fewer than 24"},
		{"too few of the ordinary", []string{other, ordinary}, "fewer than 24"},
		{"nothing", []string{ordinary, empty}, "fewer than 24"},
		{"no record", []string{ordinary, "/nonexistent"}, "no such file"},
		{"not a record", []string{ordinary, "/proc/self/exe"}, "header"},
		{"one record", []string{ordinary}, "usage"},
		{"half an owner", []string{"--owner", "0", ordinary, other}, "UID:GID"},
		{"an owner of more", []string{"--owner", "0:0:0", ordinary, other}, "UID:GID"},
		{"a flag of no meaning", []string{"--all", ordinary, other}, "not defined"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(append([]string{"compare", "--min-entries", "24"}, test.args...), nil, &out)
			if err == nil || err == errDiffer || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, not %q", err, test.want)
			}
		})
	}
	if minimum := len(sample()); minimum != 24 {
		t.Errorf("the sample has %d entries", minimum)
	}
}

func TestManyDifferences(t *testing.T) {
	a, b := ideal(), ideal()
	for _, name := range strings.Fields(strings.Repeat("x ", 60)) {
		path := "/z" + strings.Repeat(name, len(a))
		a[path], b[path] = &entry{Type: kindGhost}, &entry{Type: kindMount}
	}
	out, differ := flagged(t, "", writeRecord(t, a, captureFields), writeRecord(t, b, captureFields))
	if lines := strings.Count(out, "\n"); !differ || lines != printed+2 || !strings.Contains(out, "and 10 more\n") ||
		!strings.Contains(out, "differences=60 ") {
		t.Errorf("%d lines: %s", lines, out)
	}
}
