package main

import (
	"fmt"
	"strings"
)

// oddNames are valid names of files, all of them.
var oddNames = []string{
	// What separates words, fields, lines, paths, options of a mount.
	" ", "with space", " leading", "trailing ", "co:lon", ":", "com,ma", ",", "semi;colon", "a=b", "=", "lowerdir=a:b,upperdir=c",
	`back\slash`, `\`, `\\`, `trailing\`, `\040`, `\n`, "new\nline", "\n", "trailing newline\n",
	"tab\tbed", "carriage\rreturn", "\x01", "\x1b[31m", "\x7f",
	// What shells and formats read.
	`dou"ble`, `"`, "sin'gle", "'", "`tick`",
	"$HOME", "$(HOME)", "$(HOME:-x)", "${HOME}", "$",
	"*", "?", "[a-z]", "{a,b}", "~", "!", "#", "%s", "%00", "&", "|", "<>", "(", "^", "@", "+",
	// What programs take for options.
	"-", "--", "-rf", "--help", "-n",
	// Bytes: no UTF-8, Latin 1, half a character, too long a form; composed and
	// decomposed; outside the basic plane; right to left; of no width.
	"\xff\xfe", "caf\xe9", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "caf\u00e9", "cafe\u0301", "😀", "👩‍🔬", "日本語",
	"שלום", "\u202egnp", "\u200b", "\ufeff",
	// Dots, and what differs in case only.
	"...", "....", ".. ", "..x", "x..", ".hidden", "x.", "CASE", "case",
	// Almost markers.
	".wh", ".whx", "x.wh.y", ".WH.x", "wh.x", "x.wh.", ".wh_x", ".-wh.x", ".cvmfs", "cvmfscatalog", ".cvmfscatalogs",
	// The longest name whose deletion has a name of its own: .wh. and 251 bytes.
	strings.Repeat("d", 251), strings.Repeat("日", 83) + "xx",
}

// longestNames are of 255 bytes (NAME_MAX).
var longestNames = []string{strings.Repeat("n", 255), strings.Repeat("日", 85), strings.Repeat("\xff", 255), strings.Repeat(" ", 255)}

// nameLayers hold odd names: of files, directories, links' targets, markers.
func nameLayers() [][]item {
	first := []item{dir("names", 0o755), dir("names/files", 0o755), dir("names/dirs", 0o755), dir("names/links", 0o755)}
	for i, name := range append(oddNames[:len(oddNames):len(oddNames)], longestNames...) {
		first = append(first,
			file("names/files/"+name, 0o644, fmt.Sprintf("file %d\n", i)),
			dir("names/dirs/"+name, 0o755), file("names/dirs/"+name+"/"+name, 0o644, fmt.Sprintf("inside %d\n", i)),
			file("names/dirs/"+name+"/plain", 0o644, fmt.Sprintf("plain %d\n", i)),
			symlink(fmt.Sprintf("names/links/%d", i), name))
	}
	// Every second is deleted, every fourth comes back; of the others,
	// directories are made opaque or lose what is in them.
	second := []item{dir("names", 0o755), dir("names/files", 0o755), dir("names/dirs", 0o755)}
	third := []item{dir("names", 0o755), dir("names/files", 0o755), dir("names/dirs", 0o755)}
	for i, name := range oddNames {
		inside := "names/dirs/" + name
		switch i % 4 {
		case 0:
			second = append(second, whiteout("names/files/.wh."+name), whiteout("names/dirs/.wh."+name))
			third = append(third, file("names/files/"+name, 0o644, "back\n"), dir(inside, 0o755), file(inside+"/back", 0o644, "back\n"))
		case 1:
			second = append(second, dir(inside, 0o755), whiteout(inside+"/.wh."+name))
		case 2:
			second = append(second, whiteout("names/files/.wh."+name), whiteout("names/dirs/.wh."+name))
		case 3:
			second = append(second, dir(inside, 0o755), whiteout(inside+"/"+opaqueMarker), file(inside+"/new", 0o644, "new\n"))
		}
	}
	return [][]item{first, second, third}
}

// longestNameLayers delete a name of 255 bytes. An ordinary pull does: it makes
// a device of the name, the marker's own name never reaches a file system. A
// repository cannot hold the marker.
func longestNameLayers() [][]item {
	name := longestNames[0]
	return [][]item{
		{dir("longest", 0o755), file("longest/"+name, 0o644, "long\n"), file("longest/kept", 0o644, "kept\n")},
		{dir("longest", 0o755), whiteout("longest/.wh." + name)},
	}
}

// longestPath is near what an ordinary pull takes. It looks at each file by its
// path in the store, so that a name of the image has what PATH_MAX (4096, with
// the terminating zero) leaves beside "GRAPHROOT/overlay/<64 digits>/diff/":
// 4016 bytes less the graph root. There is no way to more, not even by a
// symbolic link to the middle: lstat: file name too long.
const longestPath = 3900

// pathLayers hold the longest paths. A later layer deletes one and replaces
// one, at the end of the same directories. What finds names by whole paths, or
// has the store's path before them, stops there, hence an image of its own.
func pathLayers() [][]item {
	longest := "paths"
	dirs := []item{dir(longest, 0o755)}
	for len(longest)+1+255 < longestPath {
		longest += "/" + strings.Repeat("d", 200)
		dirs = append(dirs, dir(longest, 0o755))
	}
	bottom := longest + "/"
	longest += "/" + strings.Repeat("f", longestPath-len(longest)-1)
	first := append(dirs[:len(dirs):len(dirs)], file(longest, 0o644, "longest\n"),
		file(bottom+"gone", 0o644, "gone\n"), file(bottom+"new", 0o644, "old\n"))
	second := append(dirs[:len(dirs):len(dirs)], whiteout(bottom+".wh.gone"), file(bottom+"new", 0o644, "new\n"))
	return [][]item{first, second}
}
