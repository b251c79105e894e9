package abi

import (
	"context"
	"strings"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"go.podman.io/image/v5/types"

	"github.com/containers/podman/v5/internal/testruntime"
	"github.com/containers/podman/v5/pkg/domain/entities"
	"github.com/containers/podman/v5/pkg/specgen"
	systemdDefine "github.com/containers/podman/v5/pkg/systemd/define"
)

// No image chooses the systemd unit of a container; whoever creates it does.
func TestUnitOfImage(t *testing.T) {
	runtime := testruntime.New(t)
	testruntime.Pull(t, runtime, "labels", testruntime.Image{Config: imgspecv1.ImageConfig{
		Cmd:    []string{"/bin/true"},
		Labels: map[string]string{systemdDefine.EnvVariable: "sshd.service", "other": "kept"},
	}})
	engine := ContainerEngine{Libpod: runtime}
	create := func(labels map[string]string) (string, error) {
		spec := specgen.NewSpecGenerator("localhost/labels", false)
		spec.Labels = labels
		report, err := engine.ContainerCreate(context.Background(), spec)
		if err != nil {
			return "", err
		}
		return report.Id, nil
	}
	for _, tc := range []struct {
		name   string
		create func() (string, error)
		want   string
	}{
		{"create", func() (string, error) { return create(nil) }, ""},
		{"create with a unit", func() (string, error) { return create(map[string]string{systemdDefine.EnvVariable: "own.service"}) }, "own.service"},
		{"kube play", func() (string, error) {
			report, err := engine.PlayKube(context.Background(), strings.NewReader(`
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  containers:
  - {name: first, image: localhost/labels, imagePullPolicy: Never}
`), entities.PlayKubeOptions{Quiet: true, Start: types.OptionalBoolFalse})
			if err != nil {
				return "", err
			}
			return report.Pods[0].Containers[0], nil
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, err := tc.create()
			if err != nil {
				t.Fatal(err)
			}
			container, err := runtime.LookupContainer(id)
			if err != nil {
				t.Fatal(err)
			}
			labels := container.Labels()
			if labels[systemdDefine.EnvVariable] != tc.want || labels["other"] != "kept" {
				t.Errorf("labels %v, want the unit %q", labels, tc.want)
			}
		})
	}
}
