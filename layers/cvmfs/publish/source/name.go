package source

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// A registry that go-containerregistry calls by its host name and everybody
// else by its alias.
const (
	hubHost  = name.DefaultRegistry
	hubAlias = "docker.io"

	localRegistry = "localhost"
)

// parse reads a reference. Its rule for what is a registry lacks "localhost",
// under which podman keeps images that have none: without care such a name
// would be asked of Docker Hub.
func parse(s string, opts ...name.Option) (name.Reference, error) {
	rest, ok := strings.CutPrefix(s, localRegistry+"/")
	if !ok {
		return name.ParseReference(s, opts...)
	}
	if first, _, ok := strings.Cut(rest, "/"); ok && strings.ContainsAny(first, ".:") {
		return nil, fmt.Errorf("image name %q has a second registry", s)
	}
	return name.ParseReference(rest, append(opts, name.WithDefaultRegistry(localRegistry))...)
}

// fullName is the name of a registry's image as users write it in full.
func fullName(ref name.Reference) string {
	registry := ref.Context().RegistryStr()
	if registry == hubHost {
		registry = hubAlias
	}
	separator := ":"
	if _, ok := ref.(name.Digest); ok {
		separator = "@"
	}
	return registry + "/" + ref.Context().RepositoryStr() + separator + ref.Identifier()
}

// localName is the name of an image that no registry is known for: what its
// tag says if that is a full name, else localhost/<file name>:<tag>.
func localName(path, tag string) string {
	if registry, _, ok := strings.Cut(tag, "/"); ok && (strings.ContainsAny(registry, ".:") || registry == localRegistry) {
		if ref, err := parse(tag); err == nil {
			return fullName(ref)
		}
	}
	if tag == "" || strings.ContainsAny(tag, "/:@") {
		tag = name.DefaultTag
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	base := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".tar")
	return localRegistry + "/" + base + ":" + tag
}

// givenName is the full form of a name that the user chose.
func givenName(s string) (string, error) {
	ref, err := parse(s)
	if err != nil {
		return "", fmt.Errorf("parsing name: %w", err)
	}
	return fullName(ref), nil
}

// checkName refuses a name that would be anything but its own path below
// .metadata: registries accept a repository called "a/../b".
func checkName(s string) error {
	if !filepath.IsLocal(s) || filepath.Clean(s) != s {
		return fmt.Errorf("image name %q is not a relative path", s)
	}
	for _, part := range strings.Split(s, "/") {
		if strings.HasPrefix(part, ".") {
			return fmt.Errorf("image name %q has a part that starts with a dot", s)
		}
	}
	return nil
}
