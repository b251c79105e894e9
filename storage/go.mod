// Not a module: it keeps src/ out of the packages of the one above.
module podman-cvmfs.invalid/storage

go 1.22
