//go:build linux

package beneath

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

// mountHint explains the commonest cause of an empty or missing repository.
const mountHint = "is it mounted? A repository that was mounted after podman's pause process" +
	" started is invisible to rootless podman until `podman system migrate`"

// Repository opens a repository's root with flags, O_RDONLY to read attributes or
// O_PATH, and with O_PATH the directory in it that holds the layers. Where that is
// missing, the error is cvmfs.ErrNoLayers if something else says that this is a
// repository. Every other failure is an outage, cvmfs.ErrUnavailable: a mount that is
// gone leaves an empty directory, and that has no layers' directory.
func Repository(root string, flags int) (repo, layers int, err error) {
	if repo, err = Root(root, flags); err != nil {
		return -1, -1, err
	}
	layers, err = Open(repo, cvmfs.LayersDir, unix.O_PATH|unix.O_DIRECTORY)
	switch {
	case err == nil:
		return repo, layers, nil
	case errors.Is(err, unix.ENOENT) && answers(repo):
		err = fmt.Errorf("%w: no %s in it. Images that are published as flat trees only are of no use here", cvmfs.ErrNoLayers, cvmfs.LayersDir)
	case errors.Is(err, unix.ENOENT):
		err = fmt.Errorf("%w: no %s in it; %s", cvmfs.ErrUnavailable, cvmfs.LayersDir, mountHint)
	case Odd(err):
		err = fmt.Errorf("%w: %s is not a directory: %w", cvmfs.ErrUnavailable, cvmfs.LayersDir, err)
	default:
		err = fmt.Errorf("%w: opening %s: %w", cvmfs.ErrUnavailable, cvmfs.LayersDir, err)
	}
	unix.Close(repo)
	return -1, -1, err
}

// answers says whether the open directory is a repository's root beyond doubt: a CVMFS
// client tells its name, or it has images in another form.
func answers(repo int) bool {
	if id, err := cvmfs.ReadRepositoryIdentity(repo); err == nil && id.Repository != "" {
		return true
	}
	for _, name := range []string{cvmfs.FlatDir, cvmfs.MetadataDir} {
		if fd, err := Open(repo, name, unix.O_PATH|unix.O_DIRECTORY); err == nil {
			unix.Close(fd)
			return true
		}
	}
	return false
}

// Root opens a repository's root alone. With O_PATH its client is asked nothing.
func Root(root string, flags int) (repo int, err error) {
	if !filepath.IsAbs(root) {
		return -1, fmt.Errorf("%w: not an absolute path", cvmfs.ErrUnavailable)
	}
	// O_DIRECTORY triggers autofs, which a mere stat would not.
	repo, err = Retry(func() (int, error) {
		return unix.Open(root, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		text := fmt.Sprintf("%s: the directory does not exist; %s", cvmfs.ErrUnavailable, mountHint)
		return -1, cvmfs.Reword(text, cvmfs.ErrUnavailable, err) // FromFS says why
	case err != nil:
		return -1, fmt.Errorf("%w: %w", cvmfs.ErrUnavailable, err)
	}
	return repo, nil
}
