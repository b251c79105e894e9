package view

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// Explain names the repositories in an error that was met among files which stand
// on layers, given as paths of layer directories. It returns cvmfs.ErrUnavailable
// too where the error is one of an outage, and every other error as it is. Views
// answer EIO for what a repository does not give; ENOTCONN and ESTALE come
// from a mount whose server has ended, the view's or a client's.
//
// An OCI runtime hands on text alone, with a capital where it is the C library's.
func Explain(err error, layers []string) error {
	if err == nil || errors.Is(err, cvmfs.ErrUnavailable) {
		return err
	}
	var repositories []string
	asked := map[string]bool{}
	for _, path := range layers {
		repository, _, err := cvmfs.SplitLayerPath(path)
		if err != nil || asked[repository] {
			continue // a record that is damaged is another's to tell
		}
		asked[repository] = true
		repositories = append(repositories, fmt.Sprintf("%q", repository))
	}
	if len(repositories) == 0 {
		return err
	}
	text := strings.ToLower(err.Error())
	says := func(errno unix.Errno) bool { return strings.Contains(text, errno.Error()) }
	var state string
	switch {
	case says(unix.EIO):
		state = "does its client reach its servers?"
	case says(unix.ENOTCONN), says(unix.ESTALE):
		state = "what was mounted has ended; `podman restart` mounts it anew"
	default:
		return err
	}
	return fmt.Errorf("repository %s: %w (%s): %w", strings.Join(repositories, ", "), cvmfs.ErrUnavailable, state, err)
}
