// Package cvmfs is the vocabulary of layers that live in a CernVM-FS (CVMFS)
// repository: what a layer directory is called, what says which content it
// holds, and how a missing layer differs from a repository that is out.
//
// A repository is a read-only tree as mounted on a node, such as
// /cvmfs/unpacked.cern.ch; any POSIX tree with the layout that CERN's
// publisher (DUCC) writes serves:
//
//	.layers/<first 2 hex>/<64 hex>/layerfs                 the unpacked layer tar
//	.layers/<first 2 hex>/<64 hex>/.metadata/layers.json   what the publisher knew of it
//	.metadata/<registry>/<repository>:<tag>/manifest.json  one published image
//
// Layers are named by digest, the sha256 of the compressed blob that the image
// manifest names, and never by diffID, the sha256 of the uncompressed tar.
//
// The rooms: config reads cvmfs.conf; lookup finds a layer directory;
// whiteout and merge say what a stack of layer directories means; view turns
// it into something that overlayfs can stack; publish writes layers; standin
// plays the CVMFS client for tests. Nothing here imports a containers module:
// the patch series ask, and obey.
package cvmfs
