//go:build linux && !remote
// +build linux,!remote

package libpod

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/reexec"
)

// A container's users are looked up by another process of this program.
func TestMain(m *testing.M) {
	if !reexec.Init() {
		os.Exit(m.Run())
	}
}

// An image's working directory is made in the container, wherever links lead.
func TestWorkDirInRoot(t *testing.T) {
	for _, tc := range []struct {
		name, link, target, workdir string
		mount, made                 string
		missing                     bool // --workdir names it: it must be there
	}{
		{name: "plain", workdir: "/a/b", made: "a/b"},
		{name: "absolute link", link: "a", target: "HOST", workdir: "/a/new", made: "HOST/new"},
		{name: "dangling link", link: "a", target: "HOST/new", workdir: "/a", made: "HOST/new"},
		{name: "relative link", link: "a", target: "../../host", workdir: "/a/new", made: "host/new"},
		{name: "link beneath", link: "x/a", target: "../../../../host", workdir: "/x/a/y/../new", made: "host/new"},
		{name: "dots", workdir: "/../host/new", made: "host/new"},
		{name: "link to a mount", link: "a", target: "/data", workdir: "/a/new", mount: "/data"},
		{name: "only on the host", link: "a", target: "HOST", workdir: "/a", missing: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			top := t.TempDir()
			root, host := filepath.Join(top, "upper", "root"), filepath.Join(top, "host")
			for _, dir := range []string{host, filepath.Join(root, filepath.Dir(tc.link))} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			onHost := func(path string) string {
				if len(path) < 4 || path[:4] != "HOST" {
					return path
				}
				return host + path[4:]
			}
			if tc.link != "" {
				if err := os.Symlink(onHost(tc.target), filepath.Join(root, tc.link)); err != nil {
					t.Fatal(err)
				}
			}
			c := &Container{config: &ContainerConfig{Spec: &specs.Spec{Process: &specs.Process{Cwd: tc.workdir}}}, state: &ContainerState{Mountpoint: root}}
			c.config.CreateWorkingDir = !tc.missing
			c.config.User = "3:4"
			if tc.mount != "" {
				c.config.Spec.Mounts = []specs.Mount{{Type: "bind", Source: host, Destination: tc.mount}}
			}
			if err := c.resolveWorkDir(); (err != nil) != tc.missing {
				t.Errorf("resolving the working directory: %v", err)
			}
			if left, err := os.ReadDir(host); err != nil || len(left) > 0 {
				t.Errorf("made on the host: %v, %v", left, err)
			}
			if tc.made != "" {
				st, err := os.Stat(filepath.Join(root, onHost(tc.made)))
				if err != nil || !st.IsDir() {
					t.Errorf("not made in the container: %v", err)
				}
			}
		})
	}
}
