package main

// The hard images: every case that a layer may hold and that a view of it may
// get wrong. Each theme below is a list of layers that stand one on another;
// themes keep to directories of their own, so that one image holds most of
// them and one container shows them. What an ordinary pull shows in a way that
// depends on the account, the moment or the kernel, and what hides other cases
// from a test, is in an image of its own. What no ordinary pull takes is in
// none: TestPullable has the rules.

// hardCatalogue lists the hard images. All stand on the same base.
func hardCatalogue(shell []byte) []crafted {
	base := [][]item{baseLayer(shell)}
	on := func(layers ...[]item) [][]item { return append(base[:1:1], layers...) }
	everything := together(whiteoutLayers(), opaqueLayers(), replacedLayers(), linkLayers(), kindLayers(), nameLayers())
	return []crafted{
		{name: "hard/everything:1", layers: on(everything...)},

		// What needs an image of its own: odd.go and names.go say why.
		{name: "hard/implied:1", layers: on(impliedLayers()...)},
		{name: "hard/inside:1", layers: on(insideLayers()...)},
		{name: "hard/ghosts:1", layers: on(ghostLayers()...)},
		{name: "hard/aufs:1", layers: on(aufsLayers()...)},
		{name: "hard/markers:1", layers: on(catalogMarkerLayers()...)},
		{name: "hard/root:1", layers: on(rootLayers(base[0])...)},
		{name: "hard/closed-root:1", layers: on(closedRootLayers()...)},
		{name: "hard/devices:1", layers: on(deviceLayers()...)},
		{name: "hard/closed:1", layers: on(closedLayers()...)},
		{name: "hard/ids:1", layers: on(idLayers()...)},
		{name: "hard/past:1", layers: on(pastLayers()...)},
		{name: "hard/paths:1", layers: on(pathLayers()...)},
		{name: "hard/longest:1", layers: on(longestNameLayers()...)},

		// How layers are stacked: stacks.go.
		{name: "hard/layers:1", layers: on(manyLayers(mostLayers - 1)...)},
		{name: "hard/twice:1", layers: on(twiceLayers()...)},
		{name: "hard/empty:1", layers: emptyLayers(base[0]), blobs: emptyBlobs},
		{name: "hard/shared:1", layers: on(sharedLayers(1)...)},
		{name: "hard/shared:2", layers: on(sharedLayers(2)...)},
		{name: "hard/user:1", layers: on(userLayer()), user: "1000", home: "/home/user"},
	}
}

// together lays the themes' layers beside each other: the first of each theme
// are one layer, the second another.
func together(themes ...[][]item) [][]item {
	var layers [][]item
	for _, theme := range themes {
		for i, items := range theme {
			if i == len(layers) {
				layers = append(layers, nil)
			}
			layers[i] = append(layers[i], items...)
		}
	}
	return layers
}
