package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
)

// call runs the command as a shell would.
func call(args ...string) (status int, stdout, stderr string) {
	cmd := newCommand()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	status = run(context.Background(), cmd)
	return status, out.String(), errs.String()
}

// site is a registry and a repository into which one of its images was published.
type site struct {
	host, repository string
	a, b, c          imagetest.Layer // a and b are published, c is not
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{
		host:       imagetest.Registry(t, nil),
		repository: filepath.Join(imagetest.TempDir(t), "repository"),
		a:          imagetest.Gzip(t, imagetest.Tar(t, imagetest.Dir("root", 0o700), imagetest.File("etc/shadow", 0o640))),
		b:          imagetest.Zstd(t, imagetest.Tar(t, imagetest.File("b", 0o644))),
		c:          imagetest.Gzip(t, imagetest.Tar(t, imagetest.File("c", 0o644))),
	}
	imagetest.Push(t, s.host+"/team/ab:1", imagetest.Image(t, "linux/amd64", s.a, s.b))
	imagetest.Push(t, s.host+"/team/ac:1", imagetest.Image(t, "linux/amd64", s.a, s.c))
	status, out, errs := call("publish", "--plain-http", s.host+"/team/ab:1", s.repository)
	if status != 0 || errs != "" {
		t.Fatalf("status %d, output %q, errors %q", status, out, errs)
	}
	for _, want := range []string{
		"layer " + s.a.ID().String() + " published\n",
		"layer " + s.b.ID().String() + " published\n",
		"image " + s.host + "/team/ab:1 published, config sha256:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output %q lacks %q", out, want)
		}
	}
	return s
}

func TestPublishAgain(t *testing.T) {
	s := newSite(t)
	status, out, errs := call("publish", s.host+"/team/ac:1", s.repository)
	for _, want := range []string{"layer " + s.a.ID().String() + " already there\n", "layer " + s.c.ID().String() + " published\n"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, output %q lacks %q; errors %q", status, out, want, errs)
		}
	}
	status, out, errs = call("publish", "--quiet", "--name", "example.org/other:2", s.host+"/team/ac:1", s.repository)
	if status != 0 || out != "" || errs != "" {
		t.Errorf("quiet: status %d, output %q, errors %q", status, out, errs)
	}
	if _, err := os.Stat(filepath.Join(s.repository, ".metadata/example.org/other:2/manifest.json")); err != nil {
		t.Error(err)
	}
}

func TestPublishSkips(t *testing.T) {
	s := newSite(t)
	foreign := s.b
	foreign.Type = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
	imagetest.Push(t, s.host+"/team/foreign:1", imagetest.Image(t, "linux/amd64", foreign))
	status, out, _ := call("publish", s.host+"/team/foreign:1", imagetest.TempDir(t))
	if want := "layer " + foreign.ID().String() + " skipped: foreign layer, not to be distributed\n"; status != 0 || !strings.HasPrefix(out, want) {
		t.Errorf("status %d, output %q, want %q", status, out, want)
	}
}

func TestLs(t *testing.T) {
	s := newSite(t)
	status, out, errs := call("ls", s.repository)
	if status != 0 || errs != "" {
		t.Fatalf("status %d, errors %q", status, errs)
	}
	lines := strings.Split(out, "\n")
	if fields := strings.Fields(lines[1]); fields[0] != s.host+"/team/ab:1" || fields[2] != "2" {
		t.Errorf("image line %q", lines[1])
	}
	for _, l := range []imagetest.Layer{s.a, s.b} {
		want := fmt.Sprintf("%s %s %s 1 present", l.ID(), digest.FromBytes(l.Diff), size(int64(len(l.Diff))))
		if !strings.Contains(squeeze(out), want+"\n") {
			t.Errorf("output\n%s\nlacks %q", out, want)
		}
	}

	status, out, _ = call("ls", "--json", s.repository)
	var got struct {
		Repository string
		Images     []struct {
			Name, Config string
			Layers       []string
		}
		Layers []struct {
			Digest   string
			DiffID   string `json:"diff-id"`
			Size     int
			Present  bool
			Metadata bool
			Images   int
		}
	}
	strict := json.NewDecoder(strings.NewReader(out))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&got); err != nil || status != 0 {
		t.Fatalf("status %d, error %v in %s", status, err, out)
	}
	if got.Repository != s.repository || len(got.Images) != 1 || got.Images[0].Name != s.host+"/team/ab:1" ||
		len(got.Images[0].Layers) != 2 || got.Images[0].Layers[0] != s.a.ID().String() || len(got.Layers) != 2 {
		t.Errorf("contents %+v", got)
	}
	for _, l := range got.Layers {
		if !l.Present || !l.Metadata || l.Images != 1 || l.Size <= 0 || !strings.HasPrefix(l.DiffID, "sha256:") {
			t.Errorf("layer %+v", l)
		}
	}
}

// squeeze joins runs of blanks.
func squeeze(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.Join(lines, "\n")
}

func TestCheck(t *testing.T) {
	s := newSite(t)
	empty := filepath.Join(imagetest.TempDir(t), "empty")
	if err := os.MkdirAll(filepath.Join(empty, ".layers"), 0o755); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(empty, "none")
	row := func(l imagetest.Layer, state string, unpacked int64, repository string) string {
		return fmt.Sprintf("%s %s %s %s %s\n", l.ID(), state, size(int64(len(l.Blob))), size(unpacked), repository)
	}
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		out    []string
		errs   string
	}{
		{"all there", []string{"--repository", s.repository, s.host + "/team/ab:1"}, 0, []string{
			row(s.a, "present", int64(len(s.a.Diff)), s.repository), row(s.b, "present", int64(len(s.b.Diff)), s.repository), "2 of 2 layers, ",
		}, ""},
		{"one missing", []string{"--repository", s.repository, s.host + "/team/ac:1"}, exitMissing, []string{
			row(s.a, "present", int64(len(s.a.Diff)), s.repository), row(s.c, "missing", -1, "-"), "1 of 2 layers, ",
		}, ""},
		{"in the second", []string{"--repository", empty, "--repository", s.repository, s.host + "/team/ab:1"}, 0, []string{"2 of 2 layers, "}, ""},
		{"a repository that is out", []string{"--repository", none, s.host + "/team/ab:1"}, exitError, []string{
			row(s.a, "unavailable", -1, "-"), "0 of 2 layers, ",
		}, none},
		{"out, but there in another", []string{"--repository", none, "--repository", s.repository, s.host + "/team/ab:1"}, 0, []string{"2 of 2 layers, "}, none},
		{"out, and missing in another", []string{"--repository", none, "--repository", s.repository, s.host + "/team/ac:1"}, exitError, []string{
			row(s.a, "present", int64(len(s.a.Diff)), s.repository), row(s.c, "unavailable", -1, "-"),
		}, none},
		{"no such image", []string{s.host + "/team/none:1"}, exitError, nil, "NAME_UNKNOWN"},
		{"no argument", nil, exitError, nil, "accepts 1 arg"},
		{"unknown flag", []string{"--unknown", "x"}, exitError, nil, "unknown flag"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := call(append([]string{"check"}, tc.args...)...)
			if status != tc.status {
				t.Errorf("status %d, want %d; errors %q", status, tc.status, errs)
			}
			for _, want := range tc.out {
				if !strings.Contains(squeeze(out), want) {
					t.Errorf("output\n%s\nlacks %q", out, want)
				}
			}
			if (tc.errs == "") != (errs == "") || !strings.Contains(errs, tc.errs) {
				t.Errorf("errors %q, want %q", errs, tc.errs)
			}
		})
	}
}

func TestCheckJSON(t *testing.T) {
	s := newSite(t)
	status, out, errs := call("check", "--json", "--hidden", "--repository", s.repository, s.host+"/team/ac:1")
	if status != exitMissing || errs != "" {
		t.Errorf("status %d, errors %q", status, errs)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if got["image"] != s.host+"/team/ac:1" || got["platform"] != "linux/amd64" || !strings.HasPrefix(got["config"].(string), "sha256:") {
		t.Errorf("image %v", got)
	}
	rel, err := cvmfs.LayerDir(s.a.ID())
	if err != nil {
		t.Fatal(err)
	}
	layers := got["layers"].([]any)
	for key, want := range map[string]any{
		"digest": s.a.ID().String(), "diff-id": digest.FromBytes(s.a.Diff).String(), "state": "present",
		"compressed-size": float64(len(s.a.Blob)), "unpacked-size": float64(len(s.a.Diff)),
		"repository": s.repository, "path": filepath.Join(s.repository, rel, "layerfs"), "why": nil,
	} {
		if v := layers[0].(map[string]any)[key]; v != want {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	missing := layers[1].(map[string]any)
	if missing["state"] != "missing" || missing["unpacked-size"] != -1.0 || missing["path"] != nil || missing["why"] == nil {
		t.Errorf("missing layer %v", missing)
	}
}

// TestCheckHidden takes the owner's own right away; root it cannot be taken from.
func TestCheckHidden(t *testing.T) {
	s := newSite(t)
	rel, err := cvmfs.LayerDir(s.a.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(s.repository, rel, "layerfs/etc/shadow"), 0o040); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call("check", "--hidden", "--repository", s.repository, s.host+"/team/ab:1")
	if status != 0 || errs != "" || !strings.Contains(out, "\nHIDDEN ") {
		t.Errorf("status %d, output %q, errors %q", status, out, errs)
	}
	want := "etc/shadow file ----r----- " + s.a.ID().Encoded()[:12]
	if listed := strings.Contains(squeeze(out), want); listed != (os.Geteuid() != 0) {
		t.Errorf("output\n%s\nhas %q: %v", out, want, listed)
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		-1: "-", 0: "0 B", 999: "999 B", 1000: "1 kB", 1234: "1.23 kB", 999_499: "999 kB", 999_500: "1 MB", 328_806_400: "329 MB", 1_500_000_000: "1.5 GB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) is %q, want %q", bytes, got, want)
		}
	}
}
