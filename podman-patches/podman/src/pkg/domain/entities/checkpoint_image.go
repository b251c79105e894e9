package entities

import (
	"fmt"

	"github.com/containers/podman/v5/libpod/define"
)

// RefuseCheckpointImage returns an error if an image says that it is a
// checkpoint. A checkpoint brings the whole configuration of its container:
// privileges, mounts of the host, namespaces. Whoever runs an image did not
// agree to that, and options such as --cap-drop have no effect on it. Only a
// restore, which the user asks for, takes an image for a checkpoint.
func RefuseCheckpointImage(name string, annotations map[string]string) error {
	if _, found := annotations[define.CheckpointAnnotationRuntimeName]; !found {
		return nil
	}
	return fmt.Errorf("image %q says that it is a checkpoint, which has the privileges that it was made with: if you trust it, use `podman container restore`", name)
}
