package archive

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// pathInRoot is where name lies beneath root. Links of the directories above it
// are followed as if root were /, so that a link that is there, or that an
// earlier entry made, does not lead out. The last element is not followed.
func pathInRoot(root, name string) (string, error) {
	name = filepath.Clean(name)
	up := ".." + string(os.PathSeparator)
	if name == ".." || strings.HasPrefix(name, up) {
		return "", breakoutError(fmt.Errorf("%q is outside of %q", name, root))
	}
	if name == "." || name == string(os.PathSeparator) {
		return filepath.Clean(root), nil
	}
	parent, err := parentInRoot(root, name)
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(name)), nil
}

// parentInRoot is the directory that name lies in.
func parentInRoot(root, name string) (string, error) {
	return securejoin.SecureJoin(root, filepath.Dir(filepath.Clean(name)))
}

// entryPath is where an entry of a tar is unpacked. root itself stays a
// directory: were it a link, all later entries would be elsewhere.
func entryPath(root string, hdr *tar.Header) (string, error) {
	path, err := pathInRoot(root, hdr.Name)
	if err != nil {
		return "", err
	}
	if path == filepath.Clean(root) && hdr.Typeflag != tar.TypeDir && hdr.Typeflag != tar.TypeXGlobalHeader {
		return "", breakoutError(fmt.Errorf("%q is no directory, and would replace %q", hdr.Name, root))
	}
	return path, nil
}

// unpackedDir is where the directory of an entry is now, or "" if a later entry
// replaced it.
func unpackedDir(root string, hdr *tar.Header) (string, error) {
	path, err := entryPath(root, hdr)
	if err != nil {
		return "", err
	}
	if fi, err := os.Lstat(path); err != nil || !fi.IsDir() {
		return "", err
	}
	return path, nil
}
