//go:build upstream

// Package upstream pins the modules that the v5 series apply to, as upstream.go
// in the repository's root does for v4. It is a module of its own because one
// that requires both would build each of them with the other's dependencies.
package upstream

import (
	_ "github.com/containers/buildah/pkg/rusage"
	_ "github.com/containers/podman/v5/version"
	_ "go.podman.io/common/version"
	_ "go.podman.io/image/v5/version"
	_ "go.podman.io/storage/types"
)
