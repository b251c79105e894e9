package cvmfs

import (
	_ "crypto/sha256" // digest.Validate refuses what the program cannot compute
	"fmt"

	"github.com/opencontainers/go-digest"
)

// CheckDigest accepts d if it can name a layer directory: sha256 with exactly
// 64 lower-case hexadecimal digits. Anything else is ErrInvalidDigest; no part
// of such a value may reach a path.
func CheckDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%w %q: %w", ErrInvalidDigest, string(d), err)
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%w %q: only sha256 is published", ErrInvalidDigest, string(d))
	}
	return nil
}
