package standin

import (
	"os"
	"time"
)

// Options say what the mount looks like. Start from DefaultOptions.
type Options struct {
	// UID and GID own everything that is shown.
	UID, GID uint32
	// WorldReadable adds read permission for all to everything, and search
	// permission to directories, as the client's CVMFS_WORLD_READABLE=yes does.
	WorldReadable bool
	// FQRN is the fully qualified repository name.
	FQRN string
	// Revision is the number of the first revision shown.
	Revision uint64
	// KernelTimeout is how long the kernel may keep names and attributes.
	KernelTimeout time.Duration
	// StaleDelay is how long what a revision removed looks merely empty,
	// before it gives ESTALE.
	StaleDelay time.Duration
	// LookupEnv resolves the variables in symlink targets.
	LookupEnv func(string) (string, bool)
	// Die ends the process at once, without unmounting.
	Die func()
}

// DefaultOptions are those of a client with its default settings.
func DefaultOptions() Options {
	return Options{
		UID:           9,
		GID:           9,
		FQRN:          "unpacked.example.org",
		Revision:      1,
		KernelTimeout: time.Minute,
		StaleDelay:    time.Minute,
		LookupEnv:     os.LookupEnv,
		Die:           func() { os.Exit(1) },
	}
}
