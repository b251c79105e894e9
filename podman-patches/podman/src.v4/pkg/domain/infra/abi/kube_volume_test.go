package abi

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/containers/podman/v5/internal/testruntime"
	"github.com/containers/podman/v5/libpod"
	"github.com/containers/podman/v5/pkg/domain/entities"
)

const kubeVolumes = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  file: contents
---
apiVersion: v1
kind: Secret
metadata:
  name: credentials
stringData:
  file: contents
---
apiVersion: v1
kind: Pod
metadata:
  name: pod
spec:
  containers:
  - name: first
    image: localhost/not-there
    imagePullPolicy: Never
    volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b}]
  volumes:
  - name: a
    configMap: {name: settings, items: [{key: file, path: PATH}], defaultMode: 0444}
  - name: b
    secret: {secretName: credentials, items: [{key: file, path: PATH}]}
`

// What a container left in the volume of a ConfigMap or Secret does not lead to
// the host's files when the pod is played again.
func TestKubeVolumeLinks(t *testing.T) {
	runtime := testruntime.New(t)
	engine := ContainerEngine{Libpod: runtime}
	for _, tc := range []struct {
		name, path string
		left       func(volume, host string) error
		refused    bool // nothing is written at all
	}{
		{"nothing", "file", func(string, string) error { return nil }, false},
		{"a file", "file", func(volume, _ string) error { return os.WriteFile(filepath.Join(volume, "file"), []byte("x"), 0o600) }, false},
		{"a link", "file", func(volume, host string) error { return os.Symlink(host, filepath.Join(volume, "file")) }, false},
		{"a pipe", "file", func(volume, _ string) error { return syscall.Mkfifo(filepath.Join(volume, "file"), 0o666) }, false},
		{"a directory", "sub/host", func(volume, _ string) error { return os.Mkdir(filepath.Join(volume, "sub"), 0o755) }, false},
		{"a link to a directory", "sub/host", func(volume, host string) error {
			return os.Symlink(filepath.Dir(host), filepath.Join(volume, "sub"))
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			host := filepath.Join(t.TempDir(), "host")
			if err := os.WriteFile(host, []byte("of the host"), 0o600); err != nil {
				t.Fatal(err)
			}
			volumes := []string{}
			for _, name := range []string{"settings", "credentials"} {
				volume, err := runtime.NewVolume(context.Background(), libpod.WithVolumeName(name))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := runtime.RemoveVolume(context.Background(), volume, true, nil); err != nil {
						t.Error(err)
					}
				})
				at, err := volume.MountPoint()
				if err != nil {
					t.Fatal(err)
				}
				if err := tc.left(at, host); err != nil {
					t.Fatal(err)
				}
				volumes = append(volumes, at)
			}
			// It ends with the image that is not there, after the volumes are written.
			_, err := engine.PlayKube(context.Background(), strings.NewReader(strings.ReplaceAll(kubeVolumes, "PATH", tc.path)), entities.PlayKubeOptions{Quiet: true, Replace: true})
			if err == nil {
				t.Error("an image that is not there was played")
			}
			if got, err := os.ReadFile(host); err != nil || string(got) != "of the host" {
				t.Errorf("the host's file is now %q: %v", got, err)
			}
			if tc.refused {
				return
			}
			for i, mode := range []os.FileMode{0o444, 0o644} {
				file := filepath.Join(volumes[i], tc.path)
				st, statErr := os.Lstat(file)
				if statErr != nil || st.Mode() != mode {
					t.Fatalf("the volume's file: %v, %v; playing said %v", st, statErr, err)
				}
				if got, err := os.ReadFile(file); err != nil || string(got) != "contents" {
					t.Errorf("the volume's file has %q: %v", got, err)
				}
			}
		})
	}
}
