// Not a module: it keeps src/ out of the packages of the one above.
module podman-cvmfs.invalid/podman-patches

go 1.22
