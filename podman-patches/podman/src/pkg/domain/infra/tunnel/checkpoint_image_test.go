package tunnel

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containers/podman/v5/libpod/define"
	"github.com/containers/podman/v5/pkg/bindings"
	"github.com/containers/podman/v5/pkg/domain/entities"
	"github.com/containers/podman/v5/pkg/specgen"
	"github.com/containers/podman/v5/version"
)

// The client asks for no restore of an image that says that it is a checkpoint.
func TestRunCheckpointImage(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "podman.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	restores := 0
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Libpod-API-Version", version.APIVersion[version.Libpod][version.CurrentAPI].String())
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case strings.HasSuffix(r.URL.Path, "/images/checkpoint/json"):
			fmt.Fprintf(w, `{"Id": "0123", "Annotations": {%q: "crun"}}`, define.CheckpointAnnotationRuntimeName)
		case strings.HasSuffix(r.URL.Path, "/restore"):
			restores++
			fmt.Fprint(w, `{"Id": "4567"}`)
		default:
			http.Error(w, "{}", http.StatusNotFound)
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	client, err := bindings.NewConnection(context.Background(), "unix://"+socket)
	if err != nil {
		t.Fatal(err)
	}
	spec := specgen.NewSpecGenerator("checkpoint", false)
	spec.RawImageName = "checkpoint"
	engine := ContainerEngine{ClientCtx: client}
	_, err = engine.ContainerRun(context.Background(), entities.ContainerRunOptions{Spec: spec, Detach: true})
	if err == nil || !strings.Contains(err.Error(), "says that it is a checkpoint") {
		t.Errorf("running the image: %v", err)
	}
	if restores != 0 {
		t.Error("the image was restored")
	}
}
