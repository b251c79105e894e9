//go:build upstream

// Package upstream pins the modules that the patch series apply to. Nothing
// imports it: the blank imports keep `go mod tidy` from dropping the
// requirements, so that go.mod and go.sum stay the only place where upstream
// versions and hashes live.
package upstream

import (
	_ "github.com/containers/buildah/define"
	_ "github.com/containers/common/version"
	_ "github.com/containers/image/v5/version"
	_ "github.com/containers/podman/v4/version"
	_ "github.com/containers/skopeo/version"
	_ "github.com/containers/storage/types"
)
