package main

import (
	"archive/tar"
	"time"
)

// impliedLayers hold names in directories that have no entry of their own,
// neither there nor, some of them, in lower layers. An ordinary pull makes such
// a directory with the time of the pull, and it hides the lower one's metadata.
func impliedLayers() [][]item {
	return [][]item{
		{
			dir("implied", 0o775), file("implied/gone", 0o644, "gone\n"), file("implied/kept", 0o644, "kept\n"),
			dir("implied/opaque", 0o755), file("implied/opaque/old", 0o644, "old\n"),
		},
		{whiteout("implied/.wh.gone"), file("implied/new/deep/file", 0o644, "new\n"), whiteout("implied/opaque/" + opaqueMarker)},
		{whiteout("implied/new/.wh.deep"), whiteout("implied/nowhere/at/all/.wh.x"), file("tmp/file", 0o644, "in the base's directory\n")},
	}
}

// insideLayers delete a directory and, once more, names in it, as some tools
// write rm -r down. An ordinary pull skips what cannot be in a deleted
// directory (pkg/archive/archive_linux.go of containers/storage).
func insideLayers() [][]item {
	return [][]item{
		{dir("inside", 0o755), dir("inside/gone", 0o755), file("inside/gone/x", 0o644, "x\n"), dir("inside/gone/sub", 0o755)},
		{dir("inside", 0o755), whiteout("inside/.wh.gone"), whiteout("inside/gone/.wh.x"), whiteout("inside/gone/.wh.sub")},
	}
}

// ghostLayers have markers in directories that do not merge with a lower one:
// of this layer alone, opaque, in the place of a link. They delete nothing, and
// overlayfs lists the device that an ordinary pull makes of each, a name that
// cannot be looked up.
func ghostLayers() [][]item {
	return [][]item{
		{dir("ghosts", 0o755), dir("ghosts/opaque", 0o755), file("ghosts/opaque/x", 0o644, "x\n"), symlink("ghosts/link", "opaque")},
		{
			dir("ghosts", 0o755), dir("ghosts/own", 0o755), whiteout("ghosts/own/.wh.never"), file("ghosts/own/file", 0o644, "file\n"),
			dir("ghosts/own/only", 0o755), whiteout("ghosts/own/only/.wh.never"),
			dir("ghosts/opaque", 0o755), whiteout("ghosts/opaque/" + opaqueMarker), whiteout("ghosts/opaque/.wh.x"),
			dir("ghosts/link", 0o755), whiteout("ghosts/link/.wh.x"),
		},
	}
}

// aufsLayers have the names that AUFS keeps for itself. An ordinary pull with
// overlayfs knows none of them but .wh..wh..opq: .wh..wh.plnk/ is a marker that
// deletes .wh.plnk, and its files are shown, in a directory of that name.
func aufsLayers() [][]item {
	return [][]item{
		{
			dir("aufs", 0o755), file("aufs/gone", 0o644, "gone\n"), file("aufs/too", 0o644, "too\n"),
			file("aufs/dir", 0o644, "dir\n"), file("aufs/kept", 0o644, "kept\n"),
		},
		{
			dir(".wh..wh.plnk", 0o700), file(".wh..wh.plnk/120.5", 0o644, "linked\n"), hardlink("aufs/pseudo-link", ".wh..wh.plnk/120.5"),
			dir(".wh..wh.orph", 0o700), file(".wh..wh.aufs", 0o444, ""),
			dir("aufs", 0o755), file("aufs/.wh..wh.aufs", 0o444, ""),
			// AUFS makes markers links to one file.
			hardlink("aufs/.wh.gone", ".wh..wh.aufs"),
			// Markers that are no plain files mark all the same.
			symlink("aufs/.wh.too", "kept"), dir("aufs/.wh.dir", 0o755),
		},
	}
}

// catalogMarkerLayers have files with the name of CVMFS's own. A repository
// has such a file in the root of each layer, whatever the layer has: a view
// hides files of that name, and those of an image with them. They are empty:
// no server would publish others.
func catalogMarkerLayers() [][]item {
	return [][]item{
		{
			file(".cvmfscatalog", 0o644, ""), dir("markers", 0o755), file("markers/.cvmfscatalog", 0o644, ""),
			file("markers/.cvmfsautocatalog", 0o644, ""), file("markers/deleted", 0o644, "file\n"),
		},
		{whiteout(".wh..cvmfscatalog"), whiteout("markers/.wh.deleted")},
	}
}

// rootLayers say something of the root itself: its mode and owner, which an
// ordinary pull does not look at, and that it is opaque, which overlayfs does
// not look at there. The opaque layer brings a shell of its own.
func rootLayers(base []item) [][]item {
	return [][]item{
		{dir(".", 0o775).owned(33, 33), file("before", 0o644, "before\n")},
		append([]item{whiteout(opaqueMarker)}, base...),
		{dir(".", 0o1777).owned(1000, 1000), file("after", 0o644, "after\n")},
	}
}

// closedRootLayers close the root itself, which an ordinary pull does not look
// at. A repository keeps a user out of the whole layer.
func closedRootLayers() [][]item {
	return [][]item{{dir(".", 0o700), dir("closed-root", 0o755), file("closed-root/file", 0o644, "file\n")}}
}

// deviceLayers hold devices, which a rootless pull leaves out (and fails on a
// hard link to one). A 0:0 character device is overlayfs's own whiteout, and is
// one after root's pull.
func deviceLayers() [][]item {
	return [][]item{
		{
			dir("devices", 0o755), device(tar.TypeChar, "devices/null", 0o666, 1, 3), device(tar.TypeChar, "devices/tty", 0o620, 5, 0).owned(0, 5),
			device(tar.TypeBlock, "devices/loop", 0o660, 7, 0), device(tar.TypeBlock, "devices/large", 0o600, 4095, 1048575),
			file("devices/deleted", 0o644, "deleted by a device\n"),
			device(tar.TypeChar, "devices/gone", 0o600, 1, 5), file("devices/replaced", 0o644, "a file\n"),
		},
		{
			dir("devices", 0o755), device(tar.TypeChar, "devices/deleted", 0o600, 0, 0), whiteout("devices/.wh.gone"),
			device(tar.TypeChar, "devices/replaced", 0o600, 1, 5), device(tar.TypeBlock, "devices/zero-block", 0o600, 0, 0),
		},
	}
}

// closedLayers have directories that only their owner may read. A repository
// keeps a user out, and then nothing of them may show: neither what a closed
// upper directory deletes and replaces, nor what lies open beneath it.
func closedLayers() [][]item {
	return [][]item{
		{
			dir("closed", 0o755), dir("closed/always", 0o700), file("closed/always/secret", 0o644, "secret\n"),
			dir("closed/narrowed", 0o755), file("closed/narrowed/kept", 0o644, "kept\n"), file("closed/narrowed/gone", 0o644, "gone\n"),
			file("closed/narrowed/replaced", 0o644, "old\n"), dir("closed/narrowed/sub", 0o755), file("closed/narrowed/sub/old", 0o644, "old\n"),
			dir("closed/widened", 0o700), file("closed/widened/old", 0o644, "old\n"),
			dir("closed/search", 0o711), file("closed/search/file", 0o644, "by name\n"),
			dir("closed/list", 0o744), file("closed/list/file", 0o644, "listed\n"),
			file("closed/private", 0o600, "private\n"), file("closed/narrowed-file", 0o644, "open\n"),
			file("closed/widened-file", 0o600, "closed\n"),
			dir("closed/parent", 0o700), dir("closed/parent/open", 0o755), file("closed/parent/open/file", 0o644, "file\n"),
			dir("closed/users", 0o700).owned(1000, 1000), file("closed/users/file", 0o600, "user's\n").owned(1000, 1000),
		},
		{
			dir("closed", 0o755), dir("closed/narrowed", 0o700), whiteout("closed/narrowed/.wh.gone"), file("closed/narrowed/replaced", 0o644, "new\n"),
			dir("closed/narrowed/sub", 0o755), whiteout("closed/narrowed/sub/" + opaqueMarker),
			dir("closed/widened", 0o755), file("closed/widened/new", 0o644, "new\n"),
			file("closed/narrowed-file", 0o600, "closed now\n"), file("closed/widened-file", 0o644, "open now\n"),
		},
	}
}

// idLayers need all of the 65536 ids that a rootless account commonly has.
func idLayers() [][]item {
	return [][]item{{
		dir("ids", 0o755), file("ids/highest", 0o644, "highest\n").owned(65535, 65535), file("ids/group", 0o2755, "group\n").owned(0, 60000),
		dir("ids/dir", 0o2775).owned(60000, 65535), file("ids/dir/file", 0o600, "file\n").owned(60000, 60000),
	}}
}

// pastLayers have times before 1970. An ordinary pull gives files the time 0
// instead, and links the time itself.
func pastLayers() [][]item {
	past := time.Date(1960, 5, 4, 3, 2, 1, 0, time.UTC)
	return [][]item{{
		dir("past", 0o755), file("past/file", 0o644, "old\n").at(past), dir("past/dir", 0o755).at(past), symlink("past/link", "file").at(past),
		file("past/second", 0o644, "").at(time.Unix(-1, 0)), file("past/fraction", 0o644, "").at(time.Unix(-1, 500000000)),
	}}
}
