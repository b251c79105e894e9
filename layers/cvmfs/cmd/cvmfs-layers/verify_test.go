package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/verify"
)

// layerFS is where the site's repository holds a layer.
func (s site) layerFS(t *testing.T, l imagetest.Layer) string {
	t.Helper()
	rel, err := cvmfs.LayerDir(l.ID())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(s.repository, rel, cvmfs.LayerFS)
}

func TestVerify(t *testing.T) {
	s := newSite(t)
	verify := func(args ...string) (int, string, string) {
		return call(append([]string{"verify", "--repository", s.repository}, args...)...)
	}
	const notCompared = "not compared, since CVMFS keeps none: owners, extended attributes, "
	status, out, errs := verify(s.host + "/team/ab:1")
	lines := strings.Split(out, "\n")
	if status != 0 || errs != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], notCompared) ||
		lines[1] != "2 of 2 layers equal, 3 paths, 11 B; differences: 0" {
		t.Errorf("equal: status %d, output %q, errors %q", status, out, errs)
	}
	if status, out, errs := verify("--quiet", s.host+"/team/ab:1"); status != 0 || out+errs != "" {
		t.Errorf("quiet: status %d, output %q, errors %q", status, out, errs)
	}

	if err := os.Remove(filepath.Join(s.layerFS(t, s.b), "b")); err != nil {
		t.Fatal(err)
	}
	gone := s.b.ID().String() + " layerfs/b: missing: repository nothing, registry file\n"
	status, out, errs = verify("--quiet", s.host+"/team/ab:1")
	if status != exitMissing || out != gone || errs != "" {
		t.Errorf("damaged: status %d, output %q, errors %q", status, out, errs)
	}
	status, out, errs = verify(s.host + "/team/ac:1")
	lines = strings.Split(out, "\n")
	if status != exitMissing || errs != "" || lines[0] != s.c.ID().String()+": missing: repository nothing, registry layer" ||
		lines[2] != "1 of 2 layers equal, 2 paths, 10 B; differences: 1" {
		t.Errorf("missing: status %d, output %q, errors %q", status, out, errs)
	}

	if status, out, errs := call("verify", "--repository", s.repository+"x", s.host+"/team/ab:1"); status != exitError || out != "" || errs == "" {
		t.Errorf("no repository: status %d, output %q, errors %q", status, out, errs)
	}
	for name, args := range map[string][]string{
		"no image":    {s.host + "/team/none:1"},
		"no argument": {},
	} {
		if status, out, errs := verify(args...); status != exitError || out != "" || errs == "" {
			t.Errorf("%s: status %d, output %q, errors %q", name, status, out, errs)
		}
	}
}

func TestVerifyJSON(t *testing.T) {
	s := newSite(t)
	odd := filepath.Join(s.layerFS(t, s.b), "odd\xff")
	if err := os.WriteFile(odd, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call("verify", "--json", "--repository", s.repository, s.host+"/team/ab:1")
	if status != exitMissing || errs != "" {
		t.Errorf("status %d, errors %q", status, errs)
	}
	var got struct {
		Image, Config, Platform, Repository string
		NotCompared                         []string `json:"not-compared"`
		Layers                              []verify.Layer
		Differences                         []struct{ Layer, Path, What, Repository, Registry string }
	}
	strict := json.NewDecoder(strings.NewReader(out))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if got.Image != s.host+"/team/ab:1" || got.Platform != "linux/amd64" || got.Repository != s.repository || len(got.NotCompared) == 0 ||
		len(got.Layers) != 2 || got.Layers[0].State != verify.Equal || got.Layers[1].State != verify.Different {
		t.Errorf("got %+v", got)
	}
	want := fmt.Sprintf("[{%s %s extra file nothing}]", s.b.ID(), `"layerfs/odd\xff"`)
	if fmt.Sprint(got.Differences) != want {
		t.Errorf("differences %v, want %s", got.Differences, want)
	}
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		layer  verify.Layer
		status int
		says   string
	}{
		{verify.Layer{State: verify.Equal}, 0, "1 of 1 layers equal, 0 paths, 0 B; differences: 0"},
		{verify.Layer{State: verify.Skipped}, 0, "0 of 1 layers equal, 0 paths, 0 B; differences: 0, layers skipped as foreign or encrypted: 1"},
		{verify.Layer{State: verify.Unread, Unreadable: 2}, exitUnread, "0 of 1 layers equal, 0 paths, 0 B; differences: 0, not readable by this account: 2"},
		{
			verify.Layer{State: verify.Different, Differences: 1, Unreadable: 2},
			exitMissing,
			"0 of 1 layers equal, 0 paths, 0 B; differences: 1, not readable by this account: 2",
		},
		{
			verify.Layer{State: verify.Different, Differences: 1, Failed: 1},
			exitError,
			"0 of 1 layers equal, 0 paths, 0 B; differences: 1, failed to be read: 1",
		},
	} {
		layers := []verify.Layer{tc.layer}
		if got := verifySummary(layers); got != tc.says {
			t.Errorf("summary %q, want %q", got, tc.says)
		}
		if got := exitStatus(verifyVerdict(layers)); got != tc.status {
			t.Errorf("%+v: status %d, want %d", tc.layer, got, tc.status)
		}
	}
}
