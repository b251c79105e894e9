package define

import "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"

func init() {
	patches = cvmfs.Series
}
