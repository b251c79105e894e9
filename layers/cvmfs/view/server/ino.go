package server

// inoBits is how many bits of an inode number the view uses. overlayfs puts the
// number of a file system into the upper ones (xino), so that all that a
// container sees seems to be on one file system, as with local layers; 127
// lowers take 7 bits, and some are left for the kernel.
const inoBits = 54

// number gives the inode number to show for a node, whose layer's file system
// has ino for it.
func (v *View) number(n *node, ino uint64) uint64 {
	if n.parent == nil {
		return v.rootNumber()
	}
	above := uint64(0)
	if l := n.parent.listing.Load(); l != nil { // it was listed when n was looked up
		above = l.ino
	}
	return v.childNumber(above, n.name, n.layer, ino)
}

// childNumber gives the inode number to show for a name in a directory, which
// has the number above. Behind a CVMFS client it is made of the name: the
// client's own numbers are others after each revision for all that the kernel
// does not hold, so that a file would not keep its number, and its directory's
// listing would have yet another.
func (v *View) childNumber(above uint64, name string, l int, ino uint64) uint64 {
	if v.layers[l].magic {
		return made(above, name)
	}
	return v.ino(l, ino)
}

func (v *View) rootNumber() uint64 {
	top := v.layers[0]
	if top.magic {
		return made(0, top.Path)
	}
	return v.ino(0, top.stat.Ino)
}

// ino gives the inode number to show for that of a layer's file system: the
// same, if it is small; else one that is made of it, as also for layers that
// are on another file system than the topmost.
func (v *View) ino(l int, ino uint64) uint64 {
	dev := v.layers[l].stat.Dev
	if dev == v.layers[0].stat.Dev && ino < 1<<(inoBits-1) {
		return ino
	}
	return spread(ino + dev*0x9e3779b97f4a7c15)
}

// made makes a number of a directory's and a name (FNV-1a).
func made(above uint64, name string) uint64 {
	h := 0xcbf29ce484222325 ^ above
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return spread(h)
}

// spread makes an inode number of x, none of a small number that is shown as it
// is. By the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) every
// bit counts. Two of a million numbers meet with a chance of one in 20,000.
func spread(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return x>>(65-inoBits) | 1<<(inoBits-1)
}
