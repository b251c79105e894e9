package generate

import (
	"context"
	"strings"
	"testing"

	imgspecv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/containers/podman/v5/internal/testruntime"
	"github.com/containers/podman/v5/pkg/specgen"
)

func TestMain(m *testing.M) { testruntime.Main(m) }

// An image gets no variable of the host, whatever its Env says.
func TestImageEnv(t *testing.T) {
	t.Setenv("TEST_SECRET", "of the host")
	runtime := testruntime.New(t)
	for _, tc := range []struct{ name, entry, want string }{
		{"value", "TEST_SECRET=of the image", "of the image"},
		{"value with signs", "TEST_SECRET=a=*", "a=*"},
		{"no value", "TEST_SECRET=", ""},
		{"bare name", "TEST_SECRET", "refused"},
		{"prefix", "TEST_*", "refused"},
		{"all", "*", "refused"},
		{"name is missing", "=x", "refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			image := testruntime.Pull(t, runtime, "env", testruntime.Image{Config: imgspecv1.ImageConfig{Env: []string{"FIRST=1", tc.entry}}})
			spec := specgen.NewSpecGenerator(image, false)
			_, err := CompleteSpec(context.Background(), runtime, spec)
			if tc.want == "refused" {
				if err == nil || !strings.Contains(err.Error(), "invalid variable") {
					t.Errorf("error %v, and the environment is %v", err, spec.Env)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := spec.Env["TEST_SECRET"]; got != tc.want || spec.Env["FIRST"] != "1" {
				t.Errorf("TEST_SECRET is %q, want %q; environment: %v", got, tc.want, spec.Env)
			}
		})
	}
}
