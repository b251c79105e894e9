module github.com/podman-cvmfs/podman-cvmfs/v5

go 1.25.0

require (
	github.com/containers/buildah v1.43.2
	github.com/containers/podman/v5 v5.8.6
	go.podman.io/common v0.67.1
	go.podman.io/image/v5 v5.39.4
	go.podman.io/storage v1.62.3
)

require (
	github.com/BurntSushi/toml v1.5.0 // indirect
	github.com/blang/semver/v4 v4.0.0 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/moby/sys/capability v0.4.0 // indirect
	github.com/moby/sys/mountinfo v0.7.2 // indirect
	github.com/moby/sys/user v0.4.0 // indirect
	github.com/opencontainers/runtime-spec v1.2.1 // indirect
	github.com/sirupsen/logrus v1.9.4 // indirect
	golang.org/x/sys v0.46.0 // indirect
)
