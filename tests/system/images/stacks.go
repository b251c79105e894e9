package main

import (
	"fmt"
	"strings"
)

// mostLayers is Docker's limit, and so that of images in the wild: 127 lowers
// and the container's own layer.
const mostLayers = 127

// manyLayers are n layers, each of which adds names, replaces names of lower
// ones and deletes some, in directories of few and of all layers.
func manyLayers(n int) [][]item {
	var layers [][]item
	for i := 1; i <= n; i++ {
		group := fmt.Sprintf("layers/group-%d", i%7)
		items := []item{
			dir("layers", 0o755), file("layers/top", 0o644, fmt.Sprintf("layer %d\n", i)), dir(group, 0o755),
			file(fmt.Sprintf("layers/added-%03d", i), 0o644, fmt.Sprintf("added by %d\n", i)),
			file(group+"/last", 0o644, fmt.Sprintf("layer %d\n", i)), file(fmt.Sprintf("%s/of-%03d", group, i), 0o644, "kept\n"),
			file(fmt.Sprintf("layers/replaced-%d", i%11), 0o644, strings.Repeat("x", i)),
		}
		if i > 10 && i%3 == 0 {
			items = append(items, whiteout(fmt.Sprintf("layers/.wh.added-%03d", i-10)))
		}
		if i%25 == 0 {
			items = append(items, whiteout(group+"/"+opaqueMarker))
		}
		if i > 30 && i%30 == 0 { // back after a long time
			items = append(items, file(fmt.Sprintf("layers/added-%03d", i-10-20), 0o644, fmt.Sprintf("back in %d\n", i)))
		}
		if i%2 == 0 {
			items = append(items, dir("layers/kind", 0o755), file(fmt.Sprintf("layers/kind/in-%d", i), 0o644, "a directory\n"))
		} else {
			items = append(items, file("layers/kind", 0o644, "a file\n"))
		}
		layers = append(layers, items)
	}
	return layers
}

// twiceLayers hold one layer twice, a deletion of what it has in between, and
// twice without anything in between.
func twiceLayers() [][]item {
	once := []item{
		dir("twice", 0o755), file("twice/file", 0o644, "file\n"),
		dir("twice/dir", 0o755), file("twice/dir/inside", 0o644, "inside\n"),
	}
	added := []item{
		dir("twice", 0o755), file("twice/between", 0o644, "between\n"),
		dir("twice/dir", 0o755), file("twice/dir/between", 0o644, "between\n"),
	}
	deleted := []item{dir("twice", 0o755), whiteout("twice/.wh.file"), whiteout("twice/.wh.dir")}
	return [][]item{once, added, deleted, once, added, deleted, once, once}
}

// dockerEmpty is the layer that Docker gave to instructions that change no
// file: 1024 zeros, an empty tar, in gzip, byte for byte. Its digest is
// sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4.
const dockerEmpty = "\x1f\x8b\x08\x00\x00\x09\x6e\x88\x00\xff\x62\x18\x05\xa3\x60\x14\x8c\x58\x00" +
	"\x08\x00\x00\xff\xff\x2e\xaf\xb5\xef\x00\x04\x00\x00"

// emptyBlobs are Docker's empty layer as the first, the middle and the last of emptyLayers.
var emptyBlobs = map[int]string{0: dockerEmpty, 4: dockerEmpty, 7: dockerEmpty}

// emptyLayers hold layers without entries, and one with the root's entry alone.
func emptyLayers(base []item) [][]item {
	return [][]item{
		nil, base,
		{},
		{dir("empty", 0o755), file("empty/file", 0o644, "file\n")},
		nil,
		{dir(".", 0o755)},
		{dir("empty", 0o755), whiteout("empty/.wh.file"), file("empty/last", 0o644, "last\n")},
		nil,
	}
}

// sharedLayers are of two images: the same but for the topmost.
func sharedLayers(version int) [][]item {
	top := []item{dir("shared", 0o755), file("shared/version", 0o644, fmt.Sprintln(version))}
	if version == 2 {
		top = append(top, whiteout("shared/.wh.deleted-in-2"))
	}
	return [][]item{
		{dir("shared", 0o755), file("shared/both", 0o644, "both\n"), file("shared/deleted-in-2", 0o644, "deleted\n")},
		{dir("shared", 0o755), file("shared/middle", 0o644, "middle\n")},
		top,
	}
}

// userLayer is for a container that is not root's: a home of its own, with a
// directory that a repository keeps from everybody.
func userLayer() []item {
	return []item{
		dir("home", 0o755), dir("home/user", 0o755).owned(1000, 1000), file("home/user/.profile", 0o644, "# user's\n").owned(1000, 1000),
		file("home/user/private", 0o600, "private\n").owned(1000, 1000), dir("home/user/closed", 0o700).owned(1000, 1000),
		file("home/user/closed/inside", 0o644, "inside\n").owned(1000, 1000), file("home/user/roots", 0o644, "root's\n"),
	}
}
