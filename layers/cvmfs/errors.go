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
	// ErrNoLayers says that a repository answers and has no directory for layers. It is ErrLayerUnknown, too.
	ErrNoLayers error = &reworded{"it answers, and publishes no layers", []error{ErrLayerUnknown}}
	// ErrClosed says that the permissions of a repository keep the calling user from files of a layer.
	ErrClosed = errors.New("closed to this user")
	// ErrInvalidWhiteout says that a whiteout names nothing that could be deleted.
	ErrInvalidWhiteout = errors.New("invalid whiteout")
)

// FromFS classes an error from a file system call on a repository: ENOENT and
// ENOTDIR are ErrLayerUnknown, a limit of this process or node is ErrExhausted, everything else (EIO, ENOTCONN, ESTALE, EACCES,
// a deadline) is ErrUnavailable, so that an outage is never taken for absence.
// The error keeps its errno. A nil error stays nil.
//
// The text of ErrLayerUnknown has nothing of the errno's: podman takes "no such file"
// for a command that the container does not have, and exits with 127.
func FromFS(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return Reword(ErrLayerUnknown.Error(), ErrLayerUnknown, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("%w: %w", ErrExhausted, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: no answer in time", ErrUnavailable)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// Reword gives an error of this text that is all of errs.
func Reword(text string, errs ...error) error { return &reworded{text, errs} }

type reworded struct {
	text string
	errs []error
}

func (r *reworded) Error() string { return r.text }

func (r *reworded) Unwrap() []error { return r.errs }
