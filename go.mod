module github.com/podman-cvmfs/podman-cvmfs

go 1.22

require (
	github.com/BurntSushi/toml v1.3.2
	github.com/blang/semver/v4 v4.0.0
	github.com/containerd/stargz-snapshotter/estargz v0.15.1
	github.com/containers/buildah v1.33.12
	github.com/containers/common v0.57.7
	github.com/containers/image/v5 v5.29.5
	github.com/containers/podman/v4 v4.9.5
	github.com/containers/skopeo v1.14.4
	github.com/containers/storage v1.51.3
	github.com/cyphar/filepath-securejoin v0.3.6
	github.com/google/go-containerregistry v0.19.1
	github.com/google/licensecheck v0.3.1
	github.com/hanwen/go-fuse/v2 v2.12.1
	github.com/klauspost/compress v1.17.3
	github.com/opencontainers/go-digest v1.0.0
	github.com/opencontainers/image-spec v1.1.0-rc5
	github.com/spf13/cobra v1.8.0
	golang.org/x/mod v0.13.0
	golang.org/x/sync v0.10.0
	golang.org/x/sys v0.28.0
	gonum.org/v1/plot v0.14.0
)

require (
	git.sr.ht/~sbinet/gg v0.5.0 // indirect
	github.com/ajstarks/svgo v0.0.0-20211024235047-1546f124cd8b // indirect
	github.com/campoy/embedmd v1.0.0 // indirect
	github.com/containers/libtrust v0.0.0-20230121012942-c1716e8a8d01 // indirect
	github.com/containers/ocicrypt v1.1.10 // indirect
	github.com/docker/cli v24.0.7+incompatible // indirect
	github.com/docker/distribution v2.8.3+incompatible // indirect
	github.com/docker/docker v24.0.7+incompatible // indirect
	github.com/docker/docker-credential-helpers v0.8.0 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/go-fonts/liberation v0.3.1 // indirect
	github.com/go-latex/latex v0.0.0-20230307184459-12ec69307ad9 // indirect
	github.com/go-pdf/fpdf v0.8.0 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/klauspost/pgzip v1.2.6 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	github.com/miekg/pkcs11 v1.1.1 // indirect
	github.com/mitchellh/go-homedir v1.1.0 // indirect
	github.com/moby/sys/mountinfo v0.7.2 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/opencontainers/runc v1.1.15 // indirect
	github.com/opencontainers/runtime-spec v1.1.1-0.20230922153023-c0e90434df2a // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/spf13/pflag v1.0.5 // indirect
	github.com/stefanberger/go-pkcs11uri v0.0.0-20201008174630-78d3cae3a980 // indirect
	github.com/syndtr/gocapability v0.0.0-20200815063812-42c35b437635 // indirect
	github.com/ulikunitz/xz v0.5.11 // indirect
	github.com/vbatts/tar-split v0.11.5 // indirect
	golang.org/x/exp v0.0.0-20231006140011-7918f672742d // indirect
	golang.org/x/image v0.11.0 // indirect
	golang.org/x/text v0.14.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

// What github.com/containers/skopeo asks for and podman does not: the patched
// builds stay on podman's versions, and a stock skopeo is built with its own.
exclude (
	golang.org/x/exp v0.0.0-20231226003508-02704c960a9b
	golang.org/x/mod v0.14.0
	golang.org/x/net v0.19.0
)

// Requested by an old viper alone, it also has the package that gin takes from
// github.com/ugorji/go/codec: a workspace then cannot build gin, which
// podman-remote needs on darwin.
exclude github.com/ugorji/go v1.1.4
