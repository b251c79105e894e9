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
		e := &entry{Path: path, Type: kind, Mode: mode, UID: p(uint32(0)), GID: p(uint32(0)), Nlink: p(uint64(1)), Mtime: p(int64(1000)), Nsec: p(int64(5))}
		if kind != kindDir {
			e.Size = p(int64(3))
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
	private := add("/private", kindFile, "0604")
	private.UID, private.GID = p(uint32(7)), p(uint32(8))
	su := add("/su", kindFile, "6755")
	su.UID, su.GID = p(uint32(7)), p(uint32(8))
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
	add("/open", kindDir, "2755")
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
	"type":                         func(o map[string]*entry) { o["/file"].Type = kindFifo },
	"mode":                         func(o map[string]*entry) { o["/file"].Mode = "0645" },
	"setuid":                       func(o map[string]*entry) { o["/file"].Mode = "4644" },
	"setgid is lost in part":       func(o map[string]*entry) { o["/su"].Mode = "4755" },
	"setuid of another owner":      func(o map[string]*entry) { o["/su"].UID, o["/su"].GID = p(uint32(9)), p(uint32(9)) },
	"setgid of a directory":        func(o map[string]*entry) { o["/open"].Mode = "0755" },
	"mode of hidden":               func(o map[string]*entry) { o["/secret"].Mode = "0600"; fails("/secret", "open", "EACCES")(o) },
	"size":                         func(o map[string]*entry) { o["/file"].Size = p(int64(4)) },
	"size of hidden":               func(o map[string]*entry) { o["/secret"].Size = p(int64(0)); fails("/secret", "open", "EACCES")(o) },
	"hash":                         func(o map[string]*entry) { o["/file"].Hash = "sha256:0" },
	"hash of hidden":               func(o map[string]*entry) { o["/secret"].Hash = "sha256:0" },
	"no hash":                      func(o map[string]*entry) { o["/file"].Hash = ""; o["/file"].Errors = []fault{{"read", "3 bytes of 4"}} },
	"target":                       func(o map[string]*entry) { o["/link"].Target = p("fil") },
	"rdev":                         func(o map[string]*entry) { o["/null"].Rdev = "1:5" },
	"owner is another":             func(o map[string]*entry) { o["/owned"].UID, o["/owned"].GID = p(uint32(9)), p(uint32(0)) },
	"group is another":             func(o map[string]*entry) { o["/owned"].UID = p(uint32(9)) },
	"xattr with a value":           func(o map[string]*entry) { o["/attr"].Xattrs = map[string]string{"user.a": "00fe"} },
	"xattr too many":               func(o map[string]*entry) { o["/file"].Xattrs = map[string]string{"user.a": ""} },
	"xattr of another name":        func(o map[string]*entry) { o["/attr"].Xattrs = map[string]string{"user.b": "00ff"} },
	"seconds":                      func(o map[string]*entry) { o["/file"].Mtime, o["/file"].Nsec = p(int64(999)), p(int64(0)) },
	"nanoseconds":                  func(o map[string]*entry) { o["/file"].Nsec = p(int64(4)) },
	"time of an old one":           func(o map[string]*entry) { o["/open"].Mtime = p(int64(2000)) },
	"time of a new file":           func(o map[string]*entry) { o["/newfile"].Mtime = p(int64(2001)) },
	"links counted up":             func(o map[string]*entry) { o["/file"].Nlink = p(uint64(2)) },
	"links of a directory":         func(o map[string]*entry) { o["/open"].Nlink = p(uint64(3)) },
	"links not counted":            func(o map[string]*entry) { o["/hard"].Nlink, o["/hard2"].Nlink = p(uint64(1)), p(uint64(1)) },
	"links only counted":           func(o map[string]*entry) { o["/hard2"].Group = "" },
	"links too many":               func(o map[string]*entry) { o["/file"].Group = "/attr" },
	"linked with another":          func(o map[string]*entry) { separate(o); o["/newfile"].Group = "/hard" },
	"EIO":                          fails("/file", "read", "EIO"),
	"EACCES":                       fails("/file", "open", "EACCES"),
	"EIO of hidden":                fails("/secret", "open", "EIO"),
	"stat of hidden":               fails("/secret", "stat", "EACCES"),
	"EACCES of a directory":        fails("/open", "open", "EACCES"),
	"EACCES at read of hidden":     fails("/secret", "read", "EACCES"),
	"another owner of hidden":      func(o map[string]*entry) { o["/secret"].UID = p(uint32(65534)) },
	"nobody's, and open to all":    func(o map[string]*entry) { o["/file"].UID, o["/file"].GID = p(uint32(65534)), p(uint32(65534)) },
	"EACCES of a hidden directory": func(o map[string]*entry) { drop("/unlisted/file")(o); fails("/unlisted", "open", "EACCES")(o) },
	"EACCES of what all may read": func(o map[string]*entry) {
		o["/owned"].UID, o["/owned"].GID = p(uint32(9)), p(uint32(9))
		fails("/owned", "open", "EACCES")(o)
	},
	"new before its time": func(o map[string]*entry) { o["/new"].Mtime = p(int64(1999)) },
	"EIO of a directory":  func(o map[string]*entry) { drop("/unlisted/file")(o); fails("/unlisted", "readdir", "EIO")(o) },
	"another error":       fails("/broken", "stat", "ENOENT"),
	"error gone":          func(o map[string]*entry) { o["/broken"] = sample()["/file"] },
	"xattr EIO":           func(o map[string]*entry) { o["/attr"].Xattrs = nil; o["/attr"].Errors = []fault{{"listxattr", "EIO"}} },
	"ghost in both":       func(o map[string]*entry) { o["/whited"] = &entry{Type: kindGhost} },
	"ghost":               func(o map[string]*entry) { o["/file"] = &entry{Type: kindGhost} },
	"ghost too many":      func(o map[string]*entry) { o["/extra"] = &entry{Type: kindGhost} },
	"ghost came to life":  func(o map[string]*entry) { o["/whited"] = sample()["/file"] },
	"mount gone":          drop("/other"),
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
		{"setuid", "--owner 9:9", bySetid, 1, func(o map[string]*entry) { o["/su"].Mode = "0755" }},
		{"setuid, and owner", "--owner 9:9", bySetid, 1, func(o map[string]*entry) {
			o["/su"].Mode, o["/su"].UID, o["/su"].GID = "0755", p(uint32(9)), p(uint32(9))
		}},
		{"links", "--links", byLinks, 2, separate},
		{"xattr", "--xattrs", byXattrs, 1, func(o map[string]*entry) { o["/attr"].Xattrs = nil }},
		{"no xattrs", "--xattrs", byENOTSUP, 1, func(o map[string]*entry) {
			o["/file"].Errors = []fault{{"listxattr", "ENOTSUP"}, {"getxattr security.capability", "ENOTSUP"}}
		}},
		{"no xattrs, but for those that there are", "--xattrs-enotsup", byENOTSUP, 1, func(o map[string]*entry) {
			o["/file"].Errors = []fault{{"listxattr", "ENOTSUP"}}
		}},
		{"whole seconds", "--seconds", bySeconds, 1, func(o map[string]*entry) { o["/file"].Nsec = p(int64(0)) }},
		{"hidden file", "--hidden", byHidden, 1, fails("/secret", "open", "EACCES")},
		{"hidden file, of nobody", "--hidden", byHidden, 2, func(o map[string]*entry) {
			o["/secret"].UID, o["/secret"].GID = p(uint32(65534)), p(uint32(65534))
			fails("/secret", "open", "EACCES")(o)
		}},
		{"owner, and whom it admits", "--owner 9:9", byOwner, 2, func(o map[string]*entry) {
			o["/private"].UID, o["/private"].GID = p(uint32(9)), p(uint32(9))
			fails("/private", "open", "EACCES")(o)
		}},
		{"hidden directory", "--hidden", byHidden, 3, drop("/root/profile", "/root/sub", "/root/sub/file")},
		{"unlisted directory", "--hidden", byHidden, 1, drop("/unlisted/file")},
		{"links of a hidden directory", "--hidden", byHidden, 1, func(o map[string]*entry) { o["/root"].Nlink = p(uint64(3)) }},
		{"a part", "--hidden --hidden-partly", byPartly, 1, drop("/root/profile")},
		{"now", "--now 2000", byNow, 1, func(o map[string]*entry) { o["/new"].Mtime = p(int64(2001)) }},
		{"no time", "--now 2000", byNow, 1, func(o map[string]*entry) { o["/new"].Mtime = p(int64(0)) }},
		{"ghost", "", byGhost, 1, func(map[string]*entry) {}},
		{"ghost in both", "--ghosts", byGhost, 0, func(o map[string]*entry) { o["/whited"] = &entry{Type: kindGhost} }},
		{
			"expected", `--expect "/open(/file)?"\x20(mode|entry):\x20ordinary\x20(2755|file),\x20other\x20(0777|absent)`, byExpected, 2,
			func(o map[string]*entry) { o["/open"].Mode = "0777"; drop("/open/file")(o) },
		},
	}
	ordinary := writeRecord(t, sample(), captureFields)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := ideal()
			test.damage(o)
			other := writeRecord(t, o, captureFields)
			out, differ := flagged(t, test.flag, ordinary, other)
			want := fmt.Sprintf(" %s=%d ", test.kind, test.count)
			if differ || strings.Contains(out, want) != (test.count > 0) {
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
				if flag != test.flag && !(flag == "--xattrs" && test.kind == byENOTSUP) {
					others = append(others, flag)
				}
			}
			if out, differ := flagged(t, strings.Join(others, " "), ordinary, other); !differ {
				t.Errorf("let pass by %s: %s", others, out)
			}
		})
	}
}

// What is expected and does not come is a difference, also if all else is the same.
func TestExpected(t *testing.T) {
	ordinary := writeRecord(t, sample(), captureFields)
	same := ideal()
	other := func() map[string]*entry {
		o := ideal()
		o["/file"].Mode = "0600"
		o["/hard"].Nlink, o["/hard2"].Nlink, o["/hard2"].Group = p(uint64(1)), p(uint64(1)), ""
		return o
	}
	for _, test := range []struct {
		name, flags string
		other       map[string]*entry
		differ      bool
	}{
		{"there", `--links --expect "/file".*`, other(), false},
		{"not there", `--expect "/file".*`, same, true},
		{"one of two", `--links --expect "/file".* --expect "/null".*`, other(), true},
		{"only a part of the line", `--links --expect "/file"`, other(), true},
		{"let, and there", `--links --let "/file".*`, other(), false},
		{"let, and not there", `--let "/file".*`, same, false},
		{"needed", `--links --needs links,ghosts --let .*`, other(), false},
		{"needed, and there is none", `--needs ghosts,seconds`, same, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if out, differ := flagged(t, test.flags, ordinary, writeRecord(t, test.other, captureFields)); differ != test.differ {
				t.Errorf("differ: %v: %s", differ, out)
			}
		})
	}
	for _, flags := range [][]string{{"--expect", "("}, {"--needs", "nothing"}} {
		var out bytes.Buffer
		if err := run(append(append([]string{"compare"}, flags...), ordinary, ordinary), nil, &out); err == nil || errors.Is(err, errDiffer) {
			t.Errorf("%s: %v", flags, err)
		}
	}
}

// A chown of an ordinary image takes hard links apart.
func TestChowned(t *testing.T) {
	apart := sample()
	separate(apart)
	ordinary, linked := writeRecord(t, apart, captureFields), writeRecord(t, ideal(), captureFields)
	if out, differ := flagged(t, "--chowned", ordinary, linked); differ || !strings.Contains(out, " chowned=2 ") {
		t.Errorf("not allowed: %s", out)
	}
	if out, differ := flagged(t, strings.Join(allFlags, " "), ordinary, linked); !differ {
		t.Errorf("let pass: %s", out)
	}
	part := sample() // of three links, two are left
	part["/hard"].Nlink, part["/hard2"].Nlink = p(uint64(2)), p(uint64(2))
	three := ideal()
	for _, name := range []string{"/hard", "/hard2", "/newfile"} {
		three[name].Nlink, three[name].Group = p(uint64(3)), "/hard"
	}
	three["/hard"].Group = ""
	if out, differ := flagged(t, "--chowned --now 9000 --let .*hash.*|.*mtime.*", writeRecord(t, part, captureFields), writeRecord(t, three, captureFields)); differ ||
		!strings.Contains(out, " chowned=3 ") {
		t.Errorf("two of three links are not allowed: %s", out)
	}
	directory := ideal()
	directory["/open"].Nlink = p(uint64(2))
	if out, differ := flagged(t, "--chowned", writeRecord(t, sample(), captureFields), writeRecord(t, directory, captureFields)); differ {
		t.Errorf("a directory's links are not allowed: %s", out)
	}
	early := ideal()
	early["/new"].Mtime = p(int64(7))
	if out, differ := flagged(t, "--chowned --now 2000", ordinary, writeRecord(t, early, captureFields)); differ || !strings.Contains(out, " chowned=3 ") {
		t.Errorf("a directory's time is not allowed: %s", out)
	}
	o := ideal()
	o["/hard2"].Hash = "sha256:0"
	if out, differ := flagged(t, "--chowned", ordinary, writeRecord(t, o, captureFields)); !differ {
		t.Errorf("other content let pass: %s", out)
	}
}

func TestDecides(t *testing.T) {
	for _, test := range []struct {
		kind, mode string
		want       bool
	}{
		{kindFile, "0644", false},
		{kindFile, "0640", true},
		{kindFile, "0000", false},
		{kindFile, "0604", true},
		{kindFile, "0755", false},
		{kindDir, "0755", false},
		{kindDir, "0711", true},
		{kindDir, "0700", true},
		{kindDir, "0000", false},
		{kindDir, "0744", true},
	} {
		if got := (&entry{Type: test.kind, Mode: test.mode}).decides(); got != test.want {
			t.Errorf("%s %s: %v", test.kind, test.mode, got)
		}
	}
}
