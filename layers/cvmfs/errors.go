package cvmfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

var (
	// ErrLayerUnknown says that a repository answered, and holds no such layer.
	ErrLayerUnknown = errors.New("layer unknown")
	// ErrUnavailable says that a repository did not give an answer.
	ErrUnavailable = errors.New("repository unavailable")
	// ErrExhausted says that a repository was not asked, because this process or its
	// node has no more descriptors, processes or memory to ask with.
	ErrExhausted = errors.New("out of file descriptors, processes or memory")
	// ErrMismatch says that what a repository holds is not what was asked for or recorded.
	ErrMismatch = errors.New("layer content mismatch")
	// ErrInvalidDigest says that a digest is not sha256 with 64 lower-case hexadecimal digits.
	ErrInvalidDigest = errors.New("invalid layer digest")
	// ErrInvalidLayer says that something other than a plain layer directory has a layer's name.
	ErrInvalidLayer = errors.New("invalid layer directory")
	// ErrInvalidWhiteout says that a whiteout names nothing that could be deleted.
	ErrInvalidWhiteout = errors.New("invalid whiteout")
)

// FromFS classes an error from a file system call on a repository: ENOENT and
// ENOTDIR are ErrLayerUnknown, a limit of this process or node is ErrExhausted, everything else (EIO, ENOTCONN, ESTALE, EACCES,
// a deadline) is ErrUnavailable, so that an outage is never taken for absence.
// The error keeps its errno. A nil error stays nil.
func FromFS(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %w", ErrLayerUnknown, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("%w: %w", ErrExhausted, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: no answer in time", ErrUnavailable)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}
