package cvmfs

// Series names the patch series that a binary was built from, such as
// "podman-cvmfs: storage 6 (1f2e3d4c), image 3 (5a6b7c8d)": for each upstream module the
// number of patches and the first digits of a hash over them. The linker sets
// it (-X); it is empty in a binary that was not built by the Makefile.
var Series string
