package main

import (
	"archive/tar"
	"fmt"
)

// largeCatalogue lists images that take long to pull, few for what they show.
func largeCatalogue(shell []byte) []crafted {
	base := baseLayer(shell)
	return []crafted{
		{name: "hard/many:1", layers: [][]item{base, crowd(100_000), thinned(100_000)}},
		{name: "hard/large:1", layers: [][]item{base, hugeLayer()}},
	}
}

// crowd is a directory of n small files.
func crowd(n int) []item {
	items := []item{dir("many", 0o755)}
	for i := range n {
		items = append(items, file(crowdName(i), 0o644, fmt.Sprintf("%d\n", i)))
	}
	return items
}

// thinned deletes every hundredth file of a crowd of n, and adds ten.
func thinned(n int) []item {
	items := []item{dir("many", 0o755)}
	for i := 0; i < n; i += 100 {
		items = append(items, whiteout(fmt.Sprintf("many/.wh.file-%06d", i)))
	}
	for i := n; i < n+10; i++ {
		items = append(items, file(crowdName(i), 0o644, "added\n"))
	}
	return items
}

func crowdName(i int) string { return fmt.Sprintf("many/file-%06d", i) }

// hugeLayer has a file of 5 GB, larger than what 32 bits count, and one of 200
// MB whose zeros are not in the tar.
func hugeLayer() []item {
	const huge, holes = 5<<30 + 1, 200 << 20
	return []item{
		dir("large", 0o755),
		{kind: tar.TypeReg, name: "large/huge", mode: 0o644, sparse: &sparse{size: huge, pieces: scattered(huge)}},
		{kind: tar.TypeReg, name: "large/sparse", mode: 0o644, sparse: &sparse{size: holes, pieces: scattered(holes), holes: true}},
	}
}
