// Package testruntime gives a test a libpod runtime of its own, and images with
// any configuration that a hostile registry might serve. Everything is below
// directories of the test: state, storage and locks of the host's podman are
// never touched.
package testruntime

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"github.com/containers/podman/v5/libpod"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/common/libimage"
	"go.podman.io/common/pkg/config"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/reexec"
)

// Main runs a package's tests. Storage unpacks layers in another process of the
// same program, which must get there before the tests do.
func Main(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// New makes a runtime. It needs root, conmon and an OCI runtime.
func New(t *testing.T) *libpod.Runtime {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a runtime that needs no user namespace needs root")
	}
	dir := t.TempDir()
	// The other kind of lock is in shared memory that all podmans of a user have.
	write(t, filepath.Join(dir, "containers.conf"), []byte("[engine]\nlock_type = \"file\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n"))
	t.Setenv("CONTAINERS_CONF", filepath.Join(dir, "containers.conf"))
	if _, err := config.New(&config.Options{SetDefault: true}); err != nil {
		t.Fatal(err)
	}
	runtime, err := libpod.NewRuntime(context.Background(),
		libpod.WithStorageConfig(storage.StoreOptions{
			GraphDriverName: "vfs", GraphRoot: filepath.Join(dir, "root"), RunRoot: filepath.Join(dir, "run"),
		}),
		libpod.WithStaticDir(filepath.Join(dir, "static")),
		libpod.WithTmpDir(filepath.Join(dir, "tmp")),
		libpod.WithVolumePath(filepath.Join(dir, "volumes")),
		libpod.WithNetworkConfigDir(filepath.Join(dir, "networks")),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Shutdown(true); err != nil {
			t.Error(err)
		}
	})
	return runtime
}

// Image is what an image has, as far as tests care.
type Image struct {
	Config      imgspecv1.ImageConfig
	Annotations map[string]string
	Files       []tar.Header // of the only layer; a file's contents are its name
}

// Pull has a runtime pull an image as localhost/<name>, and gives its ID.
func Pull(t *testing.T, runtime *libpod.Runtime, name string, image Image) string {
	t.Helper()
	dir := t.TempDir()
	layer := bytes.Buffer{}
	w := tar.NewWriter(&layer)
	for _, header := range image.Files {
		if header.Typeflag == tar.TypeReg {
			header.Size = int64(len(header.Name))
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			fmt.Fprint(w, header.Name)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	blob := func(mediaType string, content []byte) imgspecv1.Descriptor {
		d := digest.FromBytes(content)
		write(t, filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded()), content)
		return imgspecv1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
	}
	document := func(mediaType string, content any) imgspecv1.Descriptor {
		data, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		return blob(mediaType, data)
	}
	described := imgspecv1.Image{Config: image.Config, RootFS: imgspecv1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer.Bytes())}}}
	described.OS, described.Architecture = "linux", goruntime.GOARCH
	manifest := document(imgspecv1.MediaTypeImageManifest, imgspecv1.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   imgspecv1.MediaTypeImageManifest,
		Config:      document(imgspecv1.MediaTypeImageConfig, described),
		Layers:      []imgspecv1.Descriptor{blob(imgspecv1.MediaTypeImageLayer, layer.Bytes())},
		Annotations: image.Annotations,
	})
	index, err := json.Marshal(imgspecv1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []imgspecv1.Descriptor{manifest}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "index.json"), index)
	write(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion": "1.0.0"}`))
	write(t, filepath.Join(dir, "policy.json"), []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`))
	options := libimage.PullOptions{}
	options.SignaturePolicyPath = filepath.Join(dir, "policy.json")
	pulled, err := runtime.LibimageRuntime().Pull(context.Background(), "oci:"+dir, config.PullPolicyAlways, &options)
	if err != nil {
		t.Fatal(err)
	}
	if err := pulled[0].Tag("localhost/" + name); err != nil {
		t.Fatal(err)
	}
	return pulled[0].ID()
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
