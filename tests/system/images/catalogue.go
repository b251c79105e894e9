package main

import (
	"math/rand"
	"strings"
)

// applets are the commands that the images' shell has names for.
var applets = strings.Fields(`ash awk basename cat chgrp chmod chown cmp cp cut date dd df diff dirname du echo env expr
	false find grep head hostname id install kill ln ls md5sum mkdir mkfifo mknod mktemp mount mv od printf ps pwd readlink
	realpath rm rmdir sed seq sh sha256sum sleep sort stat su sync tail tar tee test touch tr true truncate uname uniq wc which
	whoami xargs`)

// catalogue lists the crafted images. What each is for stands beside it; the
// tests know their contents.
func catalogue(shell []byte) []crafted {
	base := baseLayer(shell)
	deletions := [][]item{base, treeLayer(), deleteLayer(), reviveLayer()}
	return []crafted{
		{name: "small/base:1", layers: [][]item{base}},
		{name: "small/deletions:1", layers: deletions},
		{name: "small/deletions:oci", layers: deletions, format: format{oci: true}},
		{name: "small/deletions:zstd", layers: deletions, format: format{zstd: true}},
		{name: "small/deletions:list", layers: deletions, format: format{list: true}},
		{name: "small/deletions:index", layers: deletions, format: format{oci: true, list: true}},
		{name: "small/kinds:1", layers: [][]item{base, kindsLayer()}},
		{name: "small/flips:1", layers: append([][]item{base}, flipLayers()...)},
		{name: "small/user:1", layers: [][]item{base, treeLayer()}, user: "1000"},
		{name: "small/other:1", layers: [][]item{append([]item{file("other", 0o644, "another base\n")}, base...), otherLayer()}},
		{name: "small/deep:1", layers: deepLayers(base, 40)},
		{name: "small/tags:1", layers: [][]item{base, treeLayer()}},
		{name: "small/closed-top:1", layers: [][]item{base, closedTopLayer(), otherLayer()}},
		{name: "small/closed-below:1", layers: [][]item{base, closedBelowLayer(shell)}},
		{name: "small/closed-passwd:1", layers: [][]item{base, closedPasswdLayer()}},
		{name: "small/buildkit:1", layers: [][]item{base, nil, treeLayer(), nil}, blobs: buildkitBlobs},
		{name: "small/tags:2", layers: [][]item{base, treeLayer(), deleteLayer()}},
	}
}

// baseLayer has what a container needs, and the entries of a distribution's
// base layer that a CVMFS client keeps from ordinary users: /root and /etc/shadow.
func baseLayer(shell []byte) []item {
	items := []item{
		dir(".", 0o755), dir("bin", 0o755), dir("etc", 0o755), dir("usr", 0o755), dir("usr/bin", 0o755), dir("var", 0o755),
		dir("tmp", 0o1777), dir("root", 0o700), dir("home", 0o755),
		dir("home/user", 0o755).owned(1000, 1000),
		file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"),
		file("etc/group", 0o644, "root:x:0:\nuser:x:1000:\n"),
		file("etc/shadow", 0o640, "root:*:19000:0:99999:7:::\n"),
		file("etc/os-release", 0o644, "ID=crafted\n"),
		file("root/.profile", 0o644, "# root's own\n"),
		file("bin/busybox", 0o755, string(shell)),
	}
	for _, name := range applets {
		items = append(items, symlink("bin/"+name, "busybox"))
	}
	return items
}

// treeLayer is what deleteLayer deletes from.
func treeLayer() []item {
	noise := make([]byte, 256<<10)
	rand.New(rand.NewSource(1)).Read(noise)
	return []item{
		dir("data", 0o755),
		file("data/kept", 0o644, "kept\n"), file("data/gone", 0o644, "gone\n"), file("data/replaced", 0o644, "old\n"),
		file("data/noise", 0o644, string(noise)),
		dir("data/tree", 0o755), dir("data/tree/sub", 0o755),
		file("data/tree/sub/a", 0o644, "a\n"), file("data/tree/b", 0o644, "b\n"),
		dir("data/opaque", 0o755), dir("data/opaque/sub", 0o755),
		file("data/opaque/old", 0o644, "old\n"), file("data/opaque/sub/old", 0o644, "old\n"),
		dir("data/revived", 0o755), file("data/revived/old", 0o644, "old\n"),
		file("data/again", 0o644, "first\n"),
		symlink("data/link", "kept"), symlink("data/golink", "gone"),
	}
}

// deleteLayer deletes a file, a link and a whole directory, replaces a file,
// empties a directory by an opaque marker, and deletes a name that it adds
// again (the tar's order does not matter: a whiteout hides lower layers only).
func deleteLayer() []item {
	return []item{
		dir("data", 0o755),
		whiteout("data/.wh.gone"), whiteout("data/.wh.golink"), whiteout("data/.wh.tree"), whiteout("data/.wh.revived"),
		file("data/replaced", 0o644, "new and longer\n"),
		dir("data/opaque", 0o755), whiteout("data/opaque/" + opaqueMarker), file("data/opaque/new", 0o644, "new\n"),
		whiteout("data/.wh.again"), file("data/again", 0o644, "second\n"),
	}
}

// reviveLayer makes a deleted directory anew: nothing old may show in it.
func reviveLayer() []item {
	return []item{
		dir("data", 0o755), dir("data/revived", 0o755), file("data/revived/new", 0o644, "new\n"),
		dir("data/opaque", 0o755), whiteout("data/opaque/.wh.new"), file("data/opaque/newer", 0o644, "newer\n"),
	}
}

// kindsLayer holds every kind of entry and mode that a tree may have.
func kindsLayer() []item {
	return []item{
		dir("kinds", 0o755),
		file("kinds/plain", 0o644, "plain\n"), file("kinds/empty", 0o644, ""), file("kinds/run", 0o755, "#!/bin/sh\necho ran\n"),
		file("kinds/setuid", 0o4755, "#!/bin/sh\n"), file("kinds/setgid", 0o2755, "#!/bin/sh\n"),
		file("kinds/readonly", 0o444, "readonly\n"), file("kinds/writable", 0o666, "writable\n"),
		file("kinds/private", 0o600, "private\n"), file("kinds/group", 0o640, "group\n"),
		dir("kinds/closed", 0o700), file("kinds/closed/inside", 0o644, "inside\n"),
		dir("kinds/sticky", 0o1777), dir("kinds/setgid-dir", 0o2775), dir("kinds/empty-dir", 0o755),
		symlink("kinds/relative", "plain"), symlink("kinds/absolute", "/kinds/plain"),
		symlink("kinds/dangling", "/no/such/file"), symlink("kinds/variable", "$(HOME)/x"),
		symlink("kinds/fallback", "$(NOSUCH:-plain)"),
		hardlink("kinds/hard", "kinds/plain"), fifo("kinds/fifo"),
		file("kinds/with space", 0o644, "space\n"), file("kinds/tab\tand ümlaut", 0o644, "umlaut\n"),
		file("kinds/"+strings.Repeat("n", 255), 0o644, "long\n"),
		file("kinds/owned", 0o644, "user's\n").owned(1000, 1000),
		file("kinds/wh.not", 0o644, "no marker\n"), file("kinds/x.wh.", 0o644, "no marker\n"),
	}
}

// otherLayer is in no other image, and neither is what it stands on.
func otherLayer() []item { return []item{file("top", 0o644, "another top\n")} }

// flipLayers turn names into other kinds, and back.
func flipLayers() [][]item {
	return [][]item{
		{
			dir("flip", 0o755), file("flip/file-dir", 0o644, "file\n"), dir("flip/dir-file", 0o755),
			file("flip/dir-file/inside", 0o644, "inside\n"), symlink("flip/link-dir", "dir-file"),
			dir("flip/dir-link", 0o755), file("flip/dir-link/inside", 0o644, "inside\n"),
			dir("flip/round", 0o755), file("flip/round/first", 0o644, "first\n"),
		},
		{
			dir("flip", 0o755), dir("flip/file-dir", 0o755), file("flip/file-dir/inside", 0o644, "inside\n"),
			file("flip/dir-file", 0o644, "file\n"), whiteout("flip/.wh.link-dir"), dir("flip/link-dir", 0o755),
			file("flip/link-dir/inside", 0o644, "inside\n"), symlink("flip/dir-link", "link-dir"),
			file("flip/round", 0o644, "a file for one layer\n"),
		},
		{dir("flip", 0o755), dir("flip/round", 0o755), file("flip/round/second", 0o644, "second\n")},
	}
}

// deepLayers stack n small layers, more than a page of mount options holds.
func deepLayers(base []item, n int) [][]item {
	layers := [][]item{base}
	for i := 1; i < n; i++ {
		name := "layer-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		layer := []item{dir("deep", 0o755), file("deep/"+name, 0o644, name+"\n"), file("deep/top", 0o644, name+"\n")}
		if i%5 == 0 {
			before := "layer-" + string(rune('a'+(i-2)/26)) + string(rune('a'+(i-2)%26))
			layer = append(layer, whiteout("deep/.wh."+before))
		}
		layers = append(layers, layer)
	}
	return layers
}
