// Package standin plays the CernVM-FS client for tests and demos: a read-only
// FUSE server that presents a published tree as a node with the real client
// sees it, with that client's oddities, and with switches for what goes wrong.
//
// The rest of the project is hard to get right on a tree that belongs to the
// tester, so what makes a real repository hard is what this room imitates: one
// foreign owner and permission checks, a name length of 0, magic attributes,
// variables in symlinks, broken hard links, kernel caching, layers that a new
// revision takes away, clients that hang and clients that die. docs/standin.md
// lists it all, and what is left out.
//
// Names are paths relative to the tree. A node is a path that the kernel knows;
// nothing of the tree is kept but the attributes last shown, so a large image
// costs some hundred bytes a name. The kernel is the one that checks
// permissions (default_permissions): the server opens with its own.
//
// The server must not run in a process that also uses the mount through package
// os: see the warning in package fuse. Command cvmfs-standin is that process.
package standin
