package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/server"
)

// configure writes a file and sets the variable that names it.
func configure(t *testing.T, env, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(env, path)
}

// TestRegistriesConf names images as podman users do.
func TestRegistriesConf(t *testing.T) {
	s := newSite(t)
	t.Setenv("HOME", t.TempDir())
	const dead = "127.0.0.1:1" // nothing listens
	for _, tc := range []struct {
		name, conf, image, want string // want is the image's name, or words of the error
		fails                   bool
	}{
		{"a prefix", `[[registry]]
prefix = "images.example.org/physics"
location = "HOST/team"`, "images.example.org/physics/ab:1", "images.example.org/physics/ab:1", false},
		{"a mirror", `[[registry]]
location = "DEAD/team"
insecure = true
[[registry.mirror]]
location = "HOST/team"
insecure = true`, dead + "/team/ab:1", dead + "/team/ab:1", false},
		{"a mirror that lacks it", `[[registry]]
location = "HOST/team"
[[registry.mirror]]
location = "DEAD/none"
insecure = true`, s.host + "/team/ab:1", s.host + "/team/ab:1", false},
		{"an alias", `[aliases]
"ab" = "HOST/team/ab"`, "ab:1", s.host + "/team/ab:1", false},
		{"an alias and a prefix", `[aliases]
"ab" = "images.example.org/ab"
[[registry]]
prefix = "*.example.org"
location = "HOST/team"`, "ab:1", "images.example.org/ab:1", false},
		{"a search", `unqualified-search-registries = ["DEAD", "HOST"]`, "team/ab:1", s.host + "/team/ab:1", false},
		{"in full", "", "docker://" + s.host + "/team/ab:1", s.host + "/team/ab:1", false},
		{"an address", "", "https://" + s.host + "/team/ab:1", s.host + "/team/ab:1", false},
		{"another transport", "", "containers-storage:debian", "skopeo copy", true},
		{"another address", "", "http://" + s.host + "/team/ab:1", "--plain-http", true},
		{"blocked", `[[registry]]
location = "HOST"
blocked = true`, s.host + "/team/ab:1", "is blocked in registries.conf", true},
		{"damaged", "[[", s.host + "/team/ab:1", "registries", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := strings.NewReplacer("HOST", s.host, "DEAD", dead).Replace(tc.conf)
			configure(t, "CONTAINERS_REGISTRIES_CONF", conf)
			status, out, errs := call("check", "--json", "--repository", s.repository, tc.image)
			if tc.fails {
				if status != exitError || !strings.Contains(errs, tc.want) {
					t.Errorf("status %d, errors %q, want %q", status, errs, tc.want)
				}
				return
			}
			var got checked
			if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 || got.Image != tc.want {
				t.Errorf("status %d, image %q, error %v, errors %q; want %q", status, got.Image, err, errs, tc.want)
			}
		})
	}
}

// TestPublishFromMirror keeps the name that a pull has.
func TestPublishFromMirror(t *testing.T) {
	s := newSite(t)
	configure(t, "CONTAINERS_REGISTRIES_CONF", fmt.Sprintf("[[registry]]\nprefix = \"images.example.org\"\nlocation = \"%s/team\"\n", s.host))
	dir := imagetest.TempDir(t)
	if status, _, errs := call("publish", "images.example.org/ab:1", dir); status != 0 {
		t.Fatal(errs)
	}
	if _, err := os.Stat(filepath.Join(dir, ".metadata/images.example.org/ab:1/manifest.json")); err != nil {
		t.Error(err)
	}
}

// TestCVMFSConf asks the repositories that a pull asks.
func TestCVMFSConf(t *testing.T) {
	s := newSite(t)
	empty := imagetest.TempDir(t)
	if err := os.Mkdir(filepath.Join(empty, ".layers"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		conf   string
		status int
	}{
		{fmt.Sprintf("repositories = [%q]", s.repository), 0},
		{fmt.Sprintf("repositories = [%q, %q]", empty, s.repository), 0},
		{fmt.Sprintf("repositories = [%q]", empty), exitMissing},
		{"repositories = 1", exitError},
	} {
		t.Run(tc.conf, func(t *testing.T) {
			configure(t, config.FileEnv, tc.conf)
			for _, command := range []string{"check", "verify"} {
				if status, out, errs := call(command, s.host+"/team/ab:1"); status != tc.status {
					t.Errorf("%s: status %d, output %q, errors %q, want %d", command, status, out, errs, tc.status)
				}
				// What the command line says counts.
				if status, out, errs := call(command, "--repository", s.repository, s.host+"/team/ab:1"); status != 0 {
					t.Errorf("%s --repository: status %d, output %q, errors %q", command, status, out, errs)
				}
			}
		})
	}
}

// TestWorldReadable tells of modes that a client's setting changes.
func TestWorldReadable(t *testing.T) {
	s := newSite(t)
	for name, mode := range map[string]os.FileMode{"root": 0o755, "etc/shadow": 0o644} {
		if err := os.Chmod(filepath.Join(s.layerFS(t, s.a), name), mode); err != nil {
			t.Fatal(err)
		}
	}
	status, out, _ := call("verify", "--repository", s.repository, s.host+"/team/ab:1")
	if status != exitMissing || !strings.Contains(out, "2 modes differ only by what the client's CVMFS_WORLD_READABLE=yes adds") ||
		!strings.Contains(out, "CVMFS_CHECK_PERMISSIONS=no") {
		t.Errorf("status %d, output %q", status, out)
	}
	if err := os.Chmod(filepath.Join(s.layerFS(t, s.a), "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, out, _ = call("verify", "--repository", s.repository, s.host+"/team/ab:1"); !strings.Contains(out, "1 modes differ only") {
		t.Errorf("output %q", out)
	}
}

// TestTarget says how each kind of directory is published to.
func TestTarget(t *testing.T) {
	repository := server.Repository{Name: "a.example.org", Below: "images"}
	for _, tc := range []struct {
		name               string
		ingest             bool
		union              *server.Union
		want               string // the server's repository, "" for none
		transaction, fails bool
	}{
		{name: "a directory"},
		{name: "asked for", ingest: true, want: "b.example.org"},
		{name: "a union", union: &server.Union{Repository: repository}, want: "a.example.org"},
		{name: "a union, asked for", ingest: true, union: &server.Union{Repository: repository}, want: "a.example.org"},
		{name: "a transaction", union: &server.Union{Repository: repository, Open: true}, transaction: true},
		{name: "a transaction, asked for", ingest: true, union: &server.Union{Repository: repository, Open: true}, fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			target, err := chooseTarget("/cvmfs/b.example.org/", tc.ingest, tc.union)
			if (err != nil) != tc.fails || target.Transaction != tc.transaction {
				t.Errorf("target %+v, error %v", target, err)
			}
			if got := target.Server; (got == nil) != (tc.want == "") || got != nil && got.Name != tc.want {
				t.Errorf("server %+v, want %q", got, tc.want)
			}
		})
	}
}
