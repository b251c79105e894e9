package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func p[T any](v T) *T { return &v }

// sample is a tree with one entry for each thing that is compared.
func sample() map[string]*entry {
	entries := map[string]*entry{}
	add := func(path, kind, mode string) *entry {
		e := &entry{Path: path, Type: kind, Mode: mode, UID: p(uint32(0)), GID: p(uint32(0)), Mtime: p(int64(1000)), Nsec: p(int64(5))}
		if kind != kindDir {
			e.Size, e.Nlink = p(int64(3)), p(uint64(1))
		}
		if kind == kindFile {
			e.Hash = "sha256:" + path
		}
		entries[path] = e
		return e
	}
	add("/", kindDir, "0755")
	add("/file", kindFile, "0644")
	owned := add("/owned", kindFile, "0644")
	owned.UID, owned.GID = p(uint32(7)), p(uint32(8))
	add("/hard", kindFile, "0644").Nlink = p(uint64(2))
	hard := add("/hard2", kindFile, "0644")
	hard.Nlink, hard.Group, hard.Hash = p(uint64(2)), "/hard", "sha256:/hard"
	add("/attr", kindFile, "0644").Xattrs = map[string]string{"user.a": "00ff"}
	add("/link", kindSymlink, "0777").Target = p("file")
	add("/null", kindChar, "0666").Rdev = "1:3"
	add("/secret", kindFile, "0640")
	add("/root", kindDir, "0700")
	add("/root/profile", kindFile, "0644")
	add("/root/sub", kindDir, "0755")
	add("/root/sub/file", kindFile, "0644")
	add("/unlisted", kindDir, "0711")
	add("/unlisted/file", kindFile, "0644")
	add("/open", kindDir, "0755")
	add("/open/file", kindFile, "0644")
	add("/new", kindDir, "0755").Mtime = p(int64(2000))
	add("/newfile", kindFile, "0644").Mtime = p(int64(2000))
	entries["/whited"] = &entry{Path: "/whited", Type: kindGhost}
	entries["/other"] = &entry{Path: "/other", Type: kindMount}
	entries["/broken"] = &entry{Path: "/broken", Type: kindUnknown, Errors: []fault{{"stat", "EIO"}}}
	return entries
}

func writeRecord(t *testing.T, entries map[string]*entry, fields []string) string {
	t.Helper()
	var b bytes.Buffer
	order := map[string]bool{}
	for path, e := range entries {
		order[path], e.Path = true, path
	}
	list := ordered(order) // no name of the sample sorts before a slash
	record, err := newWriter(&b, "capture", fields)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		if err := record.write(entries[path]); err != nil {
			t.Fatal(err)
		}
	}
	if err := record.end(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "record")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// flagged says what compare with flags makes of two records: its output, and
// whether it found differences. Other errors fail the test.
func flagged(t *testing.T, flags string, ordinary, other string) (string, bool) {
	t.Helper()
	var out bytes.Buffer
	args := append([]string{"compare", "--min-entries", "10"}, strings.Fields(flags)...)
	err := run(append(args, ordinary, other), nil, &out)
	if err != nil && !errors.Is(err, errDiffer) {
		t.Fatal(err)
	}
	return out.String(), err != nil
}

type damage func(o map[string]*entry)

func fails(path, call, errno string) damage {
	return func(o map[string]*entry) {
		o[path].Errors, o[path].Hash = []fault{{call, errno}}, ""
	}
}

func drop(paths ...string) damage {
	return func(o map[string]*entry) {
		for _, path := range paths {
			delete(o, path)
		}
	}
}

func separate(o map[string]*entry) {
	o["/hard"].Nlink, o["/hard2"].Nlink, o["/hard2"].Group = p(uint64(1)), p(uint64(1)), ""
}

var allFlags = []string{"--owner 9:9", "--links", "--xattrs", "--seconds", "--hidden", "--now 2000"}

// Each of these is a difference whatever is allowed.
var never = map[string]damage{
	"entry absent":             drop("/file"),
	"directory absent":         drop("/open", "/open/file"),
	"entry too many":           func(o map[string]*entry) { o["/extra"] = &entry{Type: kindMount} },
	"in an open directory":     drop("/open/file"),
	"hidden directory absent":  drop("/root", "/root/profile", "/root/sub", "/root/sub/file"),
	"hidden directory in part": drop("/root/profile"),
	"hidden beneath in part":   drop("/root/sub/file"),
	"hidden has more":          func(o map[string]*entry) { drop("/unlisted/file")(o); o["/unlisted/x"] = &entry{Type: kindMount} },
	"hidden became a file": func(o map[string]*entry) {
		drop("/unlisted/file")(o)
		o["/unlisted"] = sample()["/file"]
	},
	"type":                  func(o map[string]*entry) { o["/file"].Type = kindFifo },
	"mode":                  func(o map[string]*entry) { o["/file"].Mode = "0645" },
	"setuid":                func(o map[string]*entry) { o["/file"].Mode = "4644" },
	"mode of hidden":        func(o map[string]*entry) { o["/secret"].Mode = "0600"; fails("/secret", "open", "EACCES")(o) },
	"size":                  func(o map[string]*entry) { o["/file"].Size = p(int64(4)) },
	"size of hidden":        func(o map[string]*entry) { o["/secret"].Size = p(int64(0)); fails("/secret", "open", "EACCES")(o) },
	"hash":                  func(o map[string]*entry) { o["/file"].Hash = "sha256:0" },
	"hash of hidden":        func(o map[string]*entry) { o["/secret"].Hash = "sha256:0" },
	"no hash":               func(o map[string]*entry) { o["/file"].Hash = ""; o["/file"].Errors = []fault{{"read", "3 bytes of 4"}} },
	"target":                func(o map[string]*entry) { o["/link"].Target = p("fil") },
	"rdev":                  func(o map[string]*entry) { o["/null"].Rdev = "1:5" },
	"owner is another":      func(o map[string]*entry) { o["/owned"].UID, o["/owned"].GID = p(uint32(9)), p(uint32(0)) },
	"group is another":      func(o map[string]*entry) { o["/owned"].UID = p(uint32(9)) },
	"xattr with a value":    func(o map[string]*entry) { o["/attr"].Xattrs = map[string]string{"user.a": "00fe"} },
	"xattr too many":        func(o map[string]*entry) { o["/file"].Xattrs = map[string]string{"user.a": ""} },
	"xattr of another name": func(o map[string]*entry) { o["/attr"].Xattrs = map[string]string{"user.b": "00ff"} },
	"seconds":               func(o map[string]*entry) { o["/file"].Mtime, o["/file"].Nsec = p(int64(999)), p(int64(0)) },
	"nanoseconds":           func(o map[string]*entry) { o["/file"].Nsec = p(int64(4)) },
	"time of an old one":    func(o map[string]*entry) { o["/open"].Mtime = p(int64(2000)) },
	"time of a new file":    func(o map[string]*entry) { o["/newfile"].Mtime = p(int64(2001)) },
	"links counted up":      func(o map[string]*entry) { o["/file"].Nlink = p(uint64(2)) },
	"links not counted":     func(o map[string]*entry) { o["/hard"].Nlink, o["/hard2"].Nlink = p(uint64(1)), p(uint64(1)) },
	"links only counted":    func(o map[string]*entry) { o["/hard2"].Group = "" },
	"links too many":        func(o map[string]*entry) { o["/file"].Group = "/attr" },
	"linked with another":   func(o map[string]*entry) { separate(o); o["/newfile"].Group = "/hard" },
	"EIO":                   fails("/file", "read", "EIO"),
	"EACCES":                fails("/file", "open", "EACCES"),
	"EIO of hidden":         fails("/secret", "open", "EIO"),
	"stat of hidden":        fails("/secret", "stat", "EACCES"),
	"EACCES of a directory": fails("/open", "open", "EACCES"),
	"EIO of a directory":    func(o map[string]*entry) { drop("/unlisted/file")(o); fails("/unlisted", "readdir", "EIO")(o) },
	"another error":         fails("/broken", "stat", "ENOENT"),
	"error gone":            func(o map[string]*entry) { o["/broken"] = sample()["/file"] },
	"xattr EIO":             func(o map[string]*entry) { o["/attr"].Xattrs = nil; o["/attr"].Errors = []fault{{"listxattr", "EIO"}} },
	"ghost":                 func(o map[string]*entry) { o["/file"] = &entry{Type: kindGhost} },
	"ghost too many":        func(o map[string]*entry) { o["/extra"] = &entry{Type: kindGhost} },
	"ghost came to life":    func(o map[string]*entry) { o["/whited"] = sample()["/file"] },
	"mount gone":            drop("/other"),
}

// ideal is what a repository can do at best without any allowance.
func ideal() map[string]*entry {
	o := sample()
	delete(o, "/whited")
	return o
}

func TestNeverAllowed(t *testing.T) {
	ordinary := writeRecord(t, sample(), captureFields)
	for name, do := range never {
		t.Run(name, func(t *testing.T) {
			o := ideal()
			do(o)
			if out, differ := flagged(t, strings.Join(allFlags, " "), ordinary, writeRecord(t, o, captureFields)); !differ {
				t.Errorf("let pass: %s", out)
			}
		})
	}
	if out, differ := flagged(t, "", ordinary, writeRecord(t, ideal(), captureFields)); differ {
		t.Errorf("the ideal differs: %s", out)
	}
}

func TestAllowed(t *testing.T) {
	tests := []struct {
		name, flag, kind string
		count            int
		damage           damage
	}{
		{"owner", "--owner 9:9", byOwner, 1, func(o map[string]*entry) { o["/owned"].UID, o["/owned"].GID = p(uint32(9)), p(uint32(9)) }},
		{"links", "--links", byLinks, 2, separate},
		{"xattr", "--xattrs", byXattrs, 1, func(o map[string]*entry) { o["/attr"].Xattrs = nil }},
		{"no xattrs", "--xattrs", byENOTSUP, 1, func(o map[string]*entry) {
			o["/file"].Errors = []fault{{"listxattr", "ENOTSUP"}, {"getxattr security.capability", "ENOTSUP"}}
		}},
		{"whole seconds", "--seconds", bySeconds, 1, func(o map[string]*entry) { o["/file"].Nsec = p(int64(0)) }},
		{"hidden file", "--hidden", byHidden, 1, fails("/secret", "open", "EACCES")},
		{"hidden file, read", "--hidden", byHidden, 1, fails("/secret", "read", "EACCES")},
		{"owner, and whom it admits", "--owner 9:9", byOwner, 2, func(o map[string]*entry) {
			o["/owned"].UID, o["/owned"].GID = p(uint32(9)), p(uint32(9))
			fails("/owned", "open", "EACCES")(o)
		}},
		{"hidden directory", "--hidden", byHidden, 3, drop("/root/profile", "/root/sub", "/root/sub/file")},
		{"unlisted directory", "--hidden", byHidden, 2, func(o map[string]*entry) {
			drop("/unlisted/file")(o)
			fails("/unlisted", "open", "EACCES")(o)
		}},
		{"a part", "--hidden --hidden-partly", byPartly, 1, drop("/root/profile")},
		{"now", "--now 2000", byNow, 1, func(o map[string]*entry) { o["/new"].Mtime = p(int64(2001)) }},
		{"ghost", "", byGhost, 1, func(map[string]*entry) {}},
		{"ghost in both", "", byGhost, 0, func(o map[string]*entry) { o["/whited"] = &entry{Type: kindGhost} }},
		{"except", "--except /open", byExcept, 2, func(o map[string]*entry) { o["/open"].Mode = "0777"; drop("/open/file")(o) }},
	}
	ordinary := writeRecord(t, sample(), captureFields)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := ideal()
			test.damage(o)
			other := writeRecord(t, o, captureFields)
			out, differ := flagged(t, test.flag, ordinary, other)
			if want := fmt.Sprintf(" %s=%d ", test.kind, test.count); differ || !strings.Contains(out, want) {
				t.Errorf("not allowed as%s: %s", want, out)
			}
			if !strings.Contains(out, " differences=0 ") {
				t.Errorf("summary: %s", out)
			}
			if test.flag == "" {
				return // nothing forbids it
			}
			var others []string
			for _, flag := range allFlags {
				if flag != test.flag {
					others = append(others, flag)
				}
			}
			if out, differ := flagged(t, strings.Join(others, " "), ordinary, other); !differ {
				t.Errorf("let pass by %s: %s", others, out)
			}
		})
	}
}
