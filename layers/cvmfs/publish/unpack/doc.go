// Package unpack lays a layer's tar into a directory the way CERN's publisher
// (DUCC) lays it into a CVMFS repository, and not the way a container engine
// extracts it:
//
//   - whiteouts stay what they are in the tar, plain files named .wh.*; one that
//     the tar has as a hard link becomes an empty file;
//   - names that steer a CVMFS server are refused (reserved.go);
//   - every file belongs to the calling account: owners in the tar are
//     discarded, so that no privilege is needed;
//   - all mode bits are kept, modification times to the second, extended
//     attributes not at all;
//   - hard links stay links; symlinks are stored as they are written.
//
// Where entries meet, they meet as they do in an ordinary pull: a later entry
// replaces an earlier one, except a directory, which is merged with a
// directory; a parent that has no entry is made; a parent that is a symlink is
// followed as if the layer were the root file system.
//
// Beneath: every parent is resolved by filepath-securejoin within the layer's
// directory, each component of the result is opened with O_NOFOLLOW, and the
// entry itself is made by a call relative to its parent that follows nothing.
// Resolving in user space is enough, since the directory is the caller's own
// and nobody else changes it meanwhile; openat2 would need Linux 5.6, which
// machines that publish may not have, and cannot make missing parents.
//
// The result depends on the tar alone: a directory without an entry gets mode
// 0755 and the time 0. So a layer that is deleted and published again has the
// same files. Its CVMFS catalogue has another hash all the same.
package unpack
