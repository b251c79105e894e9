package define

import (
	"fmt"
	"os"
	"path/filepath"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// contextInside gives the path, below top, of a subdirectory of what was
// downloaded. It follows links as if the download were the root: who made it
// must not choose a directory of the host as the context, from which ADD and
// COPY take files. If it fails, top is removed.
func contextInside(top, download, subdir string) (string, error) {
	inside, err := securejoin.SecureJoin(download, subdir)
	if err != nil {
		os.RemoveAll(top)
		return "", fmt.Errorf("resolving the build context %q: %w", subdir, err)
	}
	return filepath.Rel(top, inside)
}
