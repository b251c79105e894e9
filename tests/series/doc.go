// Command series keeps what this project changes in upstream modules: our own
// files, which lie once under src/ for all lines, and for each line a series of
// patches with the hooks that call them.
//
// A line is a generation of podman that is maintained, such as v4, with the
// modules that it is built from. A module's tree, _build/<line>/<module>, is a
// git repository: the module's files as one commit, tagged base, then one
// commit for each patch, which holds the patch's hooks and the files that its
// "Adds:" header names. Files under src/ have the import paths of the newest
// line; in the trees of an older one they have that line's.
//
// Laying a tree and exporting it are inverse to each other, to the byte. Work
// in a tree is never thrown away: laying refuses, and export compares three
// states file by file (as laid, in the tree, on disk) and writes only what
// changed on one side.
package main
