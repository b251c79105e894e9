package main

import (
	"archive/tar"
	"fmt"
	"strings"
	"time"
)

// capNetRaw is a security.capability value: struct vfs_cap_data of
// linux/capability.h, revision 2, effective, CAP_NET_RAW permitted.
const capNetRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// linkLayers hold symbolic and hard links. A tar's hard link names an entry
// of its own layer: one of a lower layer cannot be linked to.
func linkLayers() [][]item {
	first := []item{
		dir("links", 0o755), dir("links/dir", 0o755), dir("links/other", 0o755), file("links/dir/file", 0o644, "file\n"),
		symlink("links/relative", "dir/file"), symlink("links/absolute", "/links/dir/file"), symlink("links/up", "../links/dir"),
		symlink("links/dangling", "no/such/file"), symlink("links/out", "../../../../../../links/dir/file"),
		symlink("links/self", "self"), symlink("links/loop-a", "loop-b"), symlink("links/loop-b", "loop-a"),
		symlink("links/dot", "."), symlink("links/dotdot", ".."), symlink("links/root", "/"),
		symlink("links/slashes", "dir//./file"), symlink("links/trailing", "dir/"),
		// A CVMFS client expands variables in what readlink(2) returns.
		symlink("links/variable", "$(HOME)/x"), symlink("links/fallback", "$(NOSUCH:-dir/file)"),
		symlink("links/open", "$(HOME"), symlink("links/shell", "$HOME/${HOME}"), symlink("links/many", "$(A)$(B:-b)$(C)"),
		symlink("links/newline", "dir/new\nline"), symlink("links/space", " dir/file "), symlink("links/bytes", "dir/\xff\xfe"),
		// PATH_MAX counts the terminating zero: 4095 is the longest.
		symlink("links/longest", strings.Repeat("longest/", 511)+"1234567"),
		// Hard links: within a directory, across directories, to a link, a FIFO,
		// an empty file, a file of one's own id, and many of one file.
		hardlink("links/dir/hard", "links/dir/file"), hardlink("links/other/hard", "links/dir/file"),
		symlink("links/symbolic", "dir/file"), hardlink("links/hard-to-symlink", "links/symbolic"),
		fifo("links/fifo"), hardlink("links/hard-to-fifo", "links/fifo"),
		file("links/nothing", 0o644, ""), hardlink("links/hard-to-nothing", "links/nothing"),
		// A hard link's own mode and owner are the file's.
		file("links/private", 0o600, "private\n"), hardlink("links/public", "links/private"),
		file("links/deleted-a", 0o644, "one stays\n"), hardlink("links/deleted-b", "links/deleted-a"),
		file("links/written-a", 0o644, "one is replaced\n"), hardlink("links/written-b", "links/written-a"),
		file("links/many-0", 0o644, "many\n"),
		// An entry whose parent is a link of the same layer is where that leads.
		symlink("links/through", "other"), file("links/through/file", 0o644, "in other\n"),
		// Other ways to write a name.
		file("./links/dot-slash", 0o644, "dot slash\n"), file("/links/slash", 0o644, "slash\n"), file("links//dir/./twice", 0o644, "twice\n"),
	}
	for i := 1; i < 40; i++ {
		first = append(first, hardlink(fmt.Sprintf("links/many-%d", i), "links/many-0"))
	}
	return [][]item{
		first,
		{
			dir("links", 0o755), whiteout("links/.wh.deleted-a"), file("links/written-b", 0o644, "new\n"),
			whiteout("links/.wh.many-0"), whiteout("links/.wh.longest"), symlink("links/self", "dir"),
			// The same names once more, linked to each other and not to those beneath.
			dir("links/dir", 0o755), file("links/dir/again", 0o644, "again\n"), hardlink("links/dir/hard", "links/dir/again"),
		},
		{dir("links", 0o755), symlink("links/longest", strings.Repeat("longer/", 585))},
	}
}

// modes are given to a file and to a directory each.
var modes = []int64{
	0, 0o111, 0o222, 0o400, 0o444, 0o600, 0o640, 0o644, 0o666, 0o700, 0o711, 0o750, 0o755, 0o777,
	0o1644, 0o1755, 0o1777, 0o2644, 0o2755, 0o2775, 0o4711, 0o4755, 0o6755, 0o7777, 0o4000, 0o2010,
}

// kindLayers hold every kind of entry, mode, owner, time and attribute that a
// layer may have and that an ordinary pull keeps for any account. Sockets have
// no place in a tar.
func kindLayers() [][]item {
	first := []item{
		dir("kinds", 0o755), dir("kinds/modes", 0o755), dir("kinds/empty", 0o755), dir("kinds/empty/er", 0o755),
		file("kinds/nothing", 0o644, ""), file("kinds/run", 0o755, "#!/bin/sh\necho ran\n"), fifo("kinds/fifo"),
		file("kinds/page", 0o644, strings.Repeat("p", 4096)), file("kinds/page-and-one", 0o644, strings.Repeat("q", 4097)),
		// Zeros that are in the tar, and zeros that are not.
		{kind: tar.TypeReg, name: "kinds/zeros", mode: 0o644, sparse: &sparse{size: 1 << 20, pieces: scattered(1 << 20)}},
		{kind: tar.TypeReg, name: "kinds/holes", mode: 0o644, sparse: &sparse{size: 1<<20 + 17, pieces: scattered(1 << 20), holes: true}},
		{kind: tar.TypeReg, name: "kinds/hole", mode: 0o644, sparse: &sparse{size: 300000, holes: true}},

		file("kinds/owned", 0o644, "user's\n").owned(1000, 1000), file("kinds/grouped", 0o640, "group's\n").owned(0, 33),
		file("kinds/nobody", 0o644, "nobody's\n").owned(65534, 65534), dir("kinds/owned-dir", 0o755).owned(1000, 33),
		symlink("kinds/owned-link", "owned").owned(1000, 1000), file("kinds/setuid-user", 0o4755, "user's\n").owned(1000, 1000),

		file("kinds/epoch", 0o644, "").at(time.Unix(0, 0)), file("kinds/century", 0o644, "").at(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)),
		file("kinds/after-2038", 0o644, "").at(time.Unix(1<<31+1, 0)), dir("kinds/century-dir", 0o755).at(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)),
		file("kinds/fraction", 0o644, "").at(time.Unix(1600000000, 987654321)), // CVMFS keeps whole seconds
		dir("kinds/fraction-dir", 0o755).at(time.Unix(1600000000, 123456789)),
		symlink("kinds/fraction-link", "fraction").at(time.Unix(1600000000, 500000000)),

		// CVMFS keeps no attributes.
		file("kinds/user-attribute", 0o644, "").with("user.note", "noted").with("user.binary", "\x00\xff\n="),
		file("kinds/capability", 0o755, "#!/bin/sh\n").with("security.capability", capNetRaw),
		file("kinds/lost-capability", 0o755, "#!/bin/sh\n").with("security.capability", capNetRaw),
		dir("kinds/attribute-dir", 0o755).with("user.note", "noted"),
		file("kinds/linked", 0o644, "").with("user.note", "both"), hardlink("kinds/linked-too", "kinds/linked"),
	}
	for _, mode := range modes {
		first = append(first,
			file(fmt.Sprintf("kinds/modes/file-%04o", mode), mode, "mode\n"),
			dir(fmt.Sprintf("kinds/modes/dir-%04o", mode), mode),
			file(fmt.Sprintf("kinds/modes/dir-%04o/inside", mode), 0o644, "inside\n"))
	}
	return [][]item{
		first,
		{
			// The metadata alone changes: of a directory, what it holds stays.
			dir("kinds", 0o755), dir("kinds/empty", 0o2700).owned(1000, 1000), dir("kinds/owned-dir", 0o755).owned(33, 33),
			dir("kinds/attribute-dir", 0o755).with("user.other", "other"),
			file("kinds/lost-capability", 0o755, "#!/bin/sh\n"),
			dir("kinds/modes", 0o755), dir("kinds/modes/dir-0000", 0o755), dir("kinds/modes/dir-0755", 0),
		},
	}
}

// scattered are pieces at the start, across a boundary of blocks, and at the end.
func scattered(size int64) []piece {
	return []piece{{0, "start"}, {size/2 - 3, "middle"}, {size - 3, "end"}}
}
