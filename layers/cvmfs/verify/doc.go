// Package verify holds what a repository has of an image against the blobs of
// its registry, path by path, and tells each difference.
//
// A layer's blob is read once, as a stream: verified, decompressed, and made
// into a model of the tree that its tar describes (model.go), in which a later
// entry has replaced an earlier one as it does when package unpack lays the
// layer out. Only when the blob has proved to be the right one is the
// repository's tree walked and compared, file contents by their sha256. Nothing
// is kept on disk, and nothing of a file in memory but its sum: a model takes
// some 200 bytes for each path of one layer, names included.
//
// A tree behind a CVMFS client is not all that the tar is; NotCompared says
// what nobody can tell from it. Hard links are separate files there, so each
// name is compared for itself. Whiteouts are plain files in both.
//
// The tree may be hostile. Each step goes from an open directory to one name in
// it and follows no link (package beneath); a name is opened without reading
// (O_PATH), and only what then proves to be a regular file is read, through
// that same descriptor: no device, FIFO or file elsewhere is ever opened.
package verify
