// Package publisher simulates cvmfs_server, the program that publishes into a
// CVMFS repository, for tests: the commands transaction, publish, abort and
// ingest, and what they do to names that CVMFS acts on.
//
// A repository is a plain directory. The real server has a union over what is
// published, and applies what was written into the union; this one notes all
// paths when a transaction starts and looks at new ones when it is published.
// What counts is the same:
//
//   - A transaction takes each new name .wh.x for a deletion of x, and drops it
//     (cvmfs/sync_union_overlayfs.cc).
//   - A tar that is ingested keeps such names (cvmfs/sync_union_tarball.cc).
//   - .cvmfsgraft-x gives x the contents of another object.
//   - Odd .cvmfscatalog files and all lists of bundles end the publish.
//
// It is stricter in one respect: a tar may only be ingested where nothing is.
package publisher
