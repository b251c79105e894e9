// Package publish lays an image into a directory as CERN's publisher (DUCC)
// lays it into a CVMFS repository. The directory is a repository's tree inside
// a transaction, or a plain directory that is served later.
//
// What it writes, below the directory:
//
//	.layers/.cvmfscatalog
//	.layers/<2>/.cvmfscatalog
//	.layers/<2>/<64 hex>/layerfs/…                           the layer (package unpack)
//	.layers/<2>/<64 hex>/layerfs/.cvmfscatalog
//	.layers/<2>/<64 hex>/.metadata/layers.json               [cvmfs.LayerMetadata]
//	.layers/<2>/<64 hex>/.metadata/origin.json               Origin
//	.metadata/<registry>/<repository>:<tag>/manifest.json    Manifest
//
// A layer appears by one rename, complete and verified: its blob against the
// digest and its tar against the diffID. Until then it is in a staging
// directory .layers/.publish-*, which no reader takes for a layer and which
// holds a locked file as long as its process lives. A killed run leaves its
// staging directory; the next run finds the lock free and deletes it.
//
// A repository of a CVMFS server on this machine is published to by the
// server's own program (package server): a layer is staged elsewhere, and
// ingested as a tar, since a transaction would lose its whiteouts. The records
// follow in one transaction.
//
// A layer that is there is left alone, down to its inodes, if its record is
// right; only its origin.json learns about further images. If the record is
// not right, the blob decides (repair.go). Two runs on the same directory
// don't disturb each other: who is second finds the layer already there.
package publish
