package main

// whiteoutLayers delete names.
//
// Where a layer deletes a name and holds it, the marker stands first, in the
// tar of every case here: an ordinary pull makes a device of the marker as it
// meets it, and fails (mknod: file exists) if the name is there by then.
func whiteoutLayers() [][]item {
	return [][]item{
		{
			dir("whiteouts", 0o755),
			file("whiteouts/gone", 0o644, "gone\n"), file("whiteouts/kept", 0o644, "kept\n"),
			file("whiteouts/again", 0o644, "first\n"),
			dir("whiteouts/again-dir", 0o755), file("whiteouts/again-dir/old", 0o644, "old\n"),
			dir("whiteouts/again-dir/both", 0o755), file("whiteouts/again-dir/both/old", 0o644, "old\n"),
			dir("whiteouts/merged", 0o755), file("whiteouts/merged/old", 0o644, "old\n"),
			dir("whiteouts/merged/both", 0o755), file("whiteouts/merged/both/old", 0o644, "old\n"),
			file("whiteouts/again-file", 0o644, "was a file\n"),
			dir("whiteouts/dir-again", 0o755), file("whiteouts/dir-again/old", 0o644, "old\n"),
			dir("whiteouts/tree", 0o755), dir("whiteouts/tree/sub", 0o755), dir("whiteouts/tree/sub/deep", 0o755),
			file("whiteouts/tree/old", 0o644, "old\n"), file("whiteouts/tree/sub/old", 0o644, "old\n"),
			file("whiteouts/tree/sub/deep/old", 0o644, "old\n"),
			dir("whiteouts/emptied", 0o755), file("whiteouts/emptied/last", 0o644, "last\n"),
			symlink("whiteouts/link", "kept"), symlink("whiteouts/dirlink", "tree"), symlink("whiteouts/dangling", "no/such"),
			file("whiteouts/one", 0o644, "two names\n"), hardlink("whiteouts/other", "whiteouts/one"),
			fifo("whiteouts/fifo"),
			file("gone-from-root", 0o644, "gone\n"), dir("tree-from-root", 0o755), file("tree-from-root/old", 0o644, "old\n"),
		},
		{
			dir("whiteouts", 0o755),
			// A file, a tree, the last name in a directory, a FIFO.
			whiteout("whiteouts/.wh.gone"), whiteout("whiteouts/.wh.tree"), whiteout("whiteouts/.wh.fifo"),
			dir("whiteouts/emptied", 0o755), whiteout("whiteouts/emptied/.wh.last"),
			// In the root.
			whiteout(".wh.gone-from-root"), whiteout(".wh.tree-from-root"),
			// Links go, and what they point to stays.
			whiteout("whiteouts/.wh.link"), whiteout("whiteouts/.wh.dirlink"), whiteout("whiteouts/.wh.dangling"),
			// One of a file's two names.
			whiteout("whiteouts/.wh.one"),
			// Deleted and held by the same layer: the layer's own counts. A directory
			// hides nothing beneath it then: an ordinary pull replaces the marker's
			// device with the directory, and overlayfs merges it with the lower one.
			whiteout("whiteouts/.wh.again"), file("whiteouts/again", 0o644, "second\n"),
			whiteout("whiteouts/.wh.again-dir"), dir("whiteouts/again-dir", 0o775), file("whiteouts/again-dir/new", 0o644, "new\n"),
			dir("whiteouts/again-dir/both", 0o755), file("whiteouts/again-dir/both/new", 0o644, "new\n"),
			whiteout("whiteouts/.wh.merged"), dir("whiteouts/merged", 0o775), file("whiteouts/merged/new", 0o644, "new\n"),
			dir("whiteouts/merged/both", 0o755), file("whiteouts/merged/both/new", 0o644, "new\n"),
			whiteout("whiteouts/.wh.again-file"), dir("whiteouts/again-file", 0o755), file("whiteouts/again-file/new", 0o644, "new\n"),
			whiteout("whiteouts/.wh.dir-again"), file("whiteouts/dir-again", 0o644, "was a directory\n"),
			// Deletes nothing: such a name was in no layer.
			whiteout(".wh.never"), whiteout("whiteouts/.wh.never"), whiteout("etc/.wh.never"), dir("etc", 0o755),
		},
		{
			// Revived: nothing old may show.
			dir("whiteouts", 0o755), file("whiteouts/gone", 0o600, "revived\n"), file("whiteouts/link", 0o644, "a file now\n"),
			dir("whiteouts/dirlink", 0o755), file("whiteouts/dirlink/new", 0o644, "new\n"),
			dir("whiteouts/tree", 0o775), dir("whiteouts/tree/sub", 0o755), file("whiteouts/tree/sub/new", 0o644, "new\n"),
			dir("tree-from-root", 0o755), file("tree-from-root/new", 0o644, "new\n"),
		},
		// Deleted again, revived again as something else.
		{dir("whiteouts", 0o755), whiteout("whiteouts/.wh.tree"), whiteout("whiteouts/.wh.gone"), whiteout("whiteouts/.wh.again-dir")},
		{
			dir("whiteouts", 0o755), file("whiteouts/tree", 0o644, "a file in the end\n"),
			dir("whiteouts/again-dir", 0o755), dir("whiteouts/again-dir/both", 0o755),
			file("whiteouts/again-dir/both/newest", 0o644, "newest\n"),
		},
	}
}

// opaqueLayers hide what lower layers have in a directory.
func opaqueLayers() [][]item {
	opaque := func(name string) item { return whiteout(name + "/" + opaqueMarker) }
	return [][]item{
		{
			dir("opaques", 0o755),
			dir("opaques/plain", 0o755), file("opaques/plain/old", 0o644, "old\n"),
			dir("opaques/plain/sub", 0o755), file("opaques/plain/sub/old", 0o644, "old\n"),
			dir("opaques/nested", 0o755), file("opaques/nested/old", 0o644, "old\n"),
			dir("opaques/nested/in", 0o755), file("opaques/nested/in/old", 0o644, "old\n"),
			dir("opaques/nested/in/deep", 0o755), file("opaques/nested/in/deep/old", 0o644, "old\n"),
			dir("opaques/inner", 0o755), file("opaques/inner/kept", 0o644, "kept\n"),
			dir("opaques/inner/in", 0o755), file("opaques/inner/in/old", 0o644, "old\n"),
			dir("opaques/emptied", 0o755), file("opaques/emptied/old", 0o644, "old\n"),
			dir("opaques/recreated", 0o755), file("opaques/recreated/old", 0o644, "old\n"),
			file("opaques/was-file", 0o644, "a file\n"), symlink("opaques/was-link", "inner"),
			dir("opaques/late", 0o755), file("opaques/late/old", 0o644, "old\n"),
		},
		{
			dir("opaques", 0o755),
			dir("opaques/plain", 0o755), opaque("opaques/plain"), file("opaques/plain/new", 0o644, "new\n"),
			// Within each other; the inner one's marker comes last.
			dir("opaques/nested", 0o755), opaque("opaques/nested"), dir("opaques/nested/in", 0o755),
			file("opaques/nested/in/new", 0o644, "new\n"), opaque("opaques/nested/in"),
			dir("opaques/inner", 0o755), dir("opaques/inner/in", 0o755), opaque("opaques/inner/in"),
			// Nothing but the marker.
			dir("opaques/emptied", 0o755), opaque("opaques/emptied"),
			// Deleted, made again and opaque: three ways to say it.
			whiteout("opaques/.wh.recreated"), dir("opaques/recreated", 0o775), opaque("opaques/recreated"),
			dir("opaques/recreated/empty", 0o755),
			// Lower layers have nothing of the name, or no directory.
			dir("opaques/nothing", 0o755), opaque("opaques/nothing"), file("opaques/nothing/new", 0o644, "new\n"),
			dir("opaques/was-file", 0o755), opaque("opaques/was-file"), file("opaques/was-file/new", 0o644, "new\n"),
			dir("opaques/was-link", 0o755), opaque("opaques/was-link"), file("opaques/was-link/new", 0o644, "new\n"),
		},
		{
			// Added to: these merge with the opaque ones, and with nothing beneath.
			dir("opaques", 0o755),
			dir("opaques/plain", 0o755), file("opaques/plain/newer", 0o644, "newer\n"),
			dir("opaques/plain/sub", 0o755), file("opaques/plain/sub/newer", 0o644, "newer\n"),
			dir("opaques/nested", 0o755), dir("opaques/nested/in", 0o755), dir("opaques/nested/in/deep", 0o755),
			file("opaques/nested/in/deep/newer", 0o644, "newer\n"),
			dir("opaques/emptied", 0o755), file("opaques/emptied/newer", 0o644, "newer\n"),
			dir("opaques/nothing", 0o755), whiteout("opaques/nothing/.wh.new"), file("opaques/nothing/newer", 0o644, "newer\n"),
			dir("opaques/late", 0o755), file("opaques/late/new", 0o644, "new\n"),
		},
		{
			// Opaque once more, and opaque only now.
			dir("opaques", 0o755),
			dir("opaques/plain", 0o755), opaque("opaques/plain"), file("opaques/plain/newest", 0o644, "newest\n"),
			dir("opaques/late", 0o755), opaque("opaques/late"), dir("opaques/late/sub", 0o755),
			// Deleted with its marker, and back without one.
			whiteout("opaques/.wh.emptied"),
		},
		{
			dir("opaques", 0o755), dir("opaques/emptied", 0o755), file("opaques/emptied/back", 0o644, "back\n"),
			dir("opaques/plain", 0o755), dir("opaques/plain/sub", 0o755), file("opaques/plain/sub/back", 0o644, "back\n"),
		},
	}
}

// replacedLayers put another kind of file under a name, and back, without a
// marker and with one.
func replacedLayers() [][]item {
	return [][]item{
		{
			dir("replaced", 0o755), dir("replaced/target", 0o755), file("replaced/target/inside", 0o644, "inside\n"),
			file("replaced/file-dir-file", 0o644, "first\n"),
			dir("replaced/dir-file-dir", 0o755), file("replaced/dir-file-dir/first", 0o644, "first\n"),
			symlink("replaced/link-dir", "target"), symlink("replaced/link-file", "target/inside"),
			symlink("replaced/link-link", "target"), symlink("replaced/marked-link-dir", "target"),
			dir("replaced/dir-link", 0o755), file("replaced/dir-link/first", 0o644, "first\n"),
			dir("replaced/marked-dir-link", 0o755), file("replaced/marked-dir-link/first", 0o644, "first\n"),
			fifo("replaced/fifo-file"), file("replaced/file-fifo", 0o644, "first\n"), fifo("replaced/fifo-dir"),
			file("replaced/mode", 0o644, "mode\n"), file("replaced/owner", 0o644, "owner\n"), dir("replaced/dir-mode", 0o755),
			file("replaced/shorter", 0o644, "much longer than later\n"), file("replaced/emptied", 0o644, "not empty\n"),
			file("replaced/linked-a", 0o644, "linked\n"), hardlink("replaced/linked-b", "replaced/linked-a"),
		},
		{
			dir("replaced", 0o755),
			dir("replaced/file-dir-file", 0o755), file("replaced/file-dir-file/second", 0o644, "second\n"),
			file("replaced/dir-file-dir", 0o644, "second\n"),
			dir("replaced/link-dir", 0o755), file("replaced/link-dir/second", 0o644, "second\n"),
			file("replaced/link-file", 0o644, "second\n"), symlink("replaced/link-link", "target/inside"),
			whiteout("replaced/.wh.marked-link-dir"), dir("replaced/marked-link-dir", 0o755),
			file("replaced/marked-link-dir/second", 0o644, "second\n"),
			symlink("replaced/dir-link", "target"),
			whiteout("replaced/.wh.marked-dir-link"), symlink("replaced/marked-dir-link", "target"),
			file("replaced/fifo-file", 0o644, "second\n"), fifo("replaced/file-fifo"),
			dir("replaced/fifo-dir", 0o755), file("replaced/fifo-dir/second", 0o644, "second\n"),
			file("replaced/mode", 0o4711, "mode\n"), file("replaced/owner", 0o644, "owner\n").owned(33, 33),
			dir("replaced/dir-mode", 0o1777), file("replaced/shorter", 0o644, "short\n"), file("replaced/emptied", 0o644, ""),
			file("replaced/linked-a", 0o644, "alone\n"),
		},
		{
			dir("replaced", 0o755), file("replaced/file-dir-file", 0o644, "third\n"),
			dir("replaced/dir-file-dir", 0o755), file("replaced/dir-file-dir/third", 0o644, "third\n"),
			symlink("replaced/link-dir", "target"), dir("replaced/dir-link", 0o755), file("replaced/dir-link/third", 0o644, "third\n"),
		},
		{dir("replaced", 0o755), dir("replaced/file-dir-file", 0o755), file("replaced/file-dir-file/fourth", 0o644, "fourth\n")},
	}
}
