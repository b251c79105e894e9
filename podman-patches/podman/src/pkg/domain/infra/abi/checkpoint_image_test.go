package abi

import (
	"context"
	"strings"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/containers/podman/v5/internal/testruntime"
	"github.com/containers/podman/v5/libpod/define"
	"github.com/containers/podman/v5/pkg/domain/entities"
	"github.com/containers/podman/v5/pkg/specgen"
)

func TestMain(m *testing.M) { testruntime.Main(m) }

// An image that says that it is a checkpoint is not restored because it is run.
func TestRunCheckpointImage(t *testing.T) {
	runtime := testruntime.New(t)
	testruntime.Pull(t, runtime, "checkpoint", testruntime.Image{
		Config:      imgspecv1.ImageConfig{Cmd: []string{"/bin/true"}},
		Annotations: map[string]string{define.CheckpointAnnotationRuntimeName: "crun"},
	})
	spec := specgen.NewSpecGenerator("localhost/checkpoint", false)
	engine := ContainerEngine{Libpod: runtime}
	_, err := engine.ContainerRun(context.Background(), entities.ContainerRunOptions{Spec: spec, Detach: true})
	if err == nil || !strings.Contains(err.Error(), "says that it is a checkpoint") {
		t.Errorf("running the image: %v", err)
	}
}
