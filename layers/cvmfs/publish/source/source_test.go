package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

func image(t *testing.T, platform string) v1.Image {
	t.Helper()
	return imagetest.Image(t, platform, imagetest.Gzip(t, imagetest.Tar(t, imagetest.File(platform, 0o644))))
}

func open(ref string, o source.Options) (*source.Image, error) {
	return source.Open(context.Background(), ref, o)
}

func TestPlatform(t *testing.T) {
	host := imagetest.Registry(t, nil)
	imagetest.Push(t, host+"/multi:1", imagetest.Index(t, image(t, "linux/arm64/v8"), image(t, "linux/amd64"), image(t, "linux/s390x")))
	nested := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: imagetest.Index(t, image(t, "linux/riscv64"))},
		mutate.IndexAddendum{Add: imagetest.Index(t, image(t, "linux/amd64"))})
	imagetest.Push(t, host+"/nested:1", nested)
	imagetest.Push(t, host+"/single:1", image(t, "linux/arm64"))

	for _, tc := range []struct {
		ref, platform, want string // "" wants ErrNoImage
	}{
		{"/multi:1", "linux/amd64", "linux/amd64"},
		{"/multi:1", "linux/arm64", "linux/arm64/v8"},
		{"/multi:1", "linux/arm64/v8", "linux/arm64/v8"},
		{"/multi:1", "linux/arm64/v7", ""},
		{"/multi:1", "windows/amd64", ""},
		{"/nested:1", "linux/amd64", "linux/amd64"},
		{"/nested:1", "linux/s390x", ""},
		{"/single:1", "", "linux/arm64"},
		{"/single:1", "linux/arm64/v8", "linux/arm64"},
		{"/single:1", "linux/amd64", ""},
	} {
		t.Run(tc.ref+" "+tc.platform, func(t *testing.T) {
			img, err := open(host+tc.ref, source.Options{Platform: tc.platform})
			if tc.want == "" {
				if !errors.Is(err, source.ErrNoImage) {
					t.Errorf("error %v, want ErrNoImage", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if img.Platform != tc.want {
				t.Errorf("platform %s, want %s", img.Platform, tc.want)
			}
		})
	}
	for _, bad := range []string{"linux", "a/b/c/d", "/amd64"} {
		if _, err := open(host+"/multi:1", source.Options{Platform: bad}); err == nil {
			t.Errorf("platform %q was accepted", bad)
		}
	}
}

// TestVariants has indexes in which podman's choice is not the first that would run.
func TestVariants(t *testing.T) {
	host := imagetest.Registry(t, nil)
	for i, tc := range []struct{ has, platform, want string }{
		{"linux/amd64/v2 linux/amd64", "linux/amd64", "linux/amd64"},
		{"linux/amd64 linux/amd64/v2", "linux/amd64", "linux/amd64"},
		{"linux/amd64/v3 linux/amd64/v2 linux/amd64", "linux/amd64", "linux/amd64"},
		{"linux/amd64/v2 linux/amd64", "linux/amd64/v2", "linux/amd64/v2"},
		{"linux/amd64", "linux/amd64/v2", "linux/amd64"},
		{"linux/amd64/v2", "linux/amd64", ""},
		{"linux/arm/v5 linux/arm/v7 linux/arm/v6", "linux/arm/v7", "linux/arm/v7"},
		{"linux/arm/v5 linux/arm/v6", "linux/arm/v7", "linux/arm/v6"},
		{"linux/arm/v8 linux/arm/v6", "linux/arm/v7", "linux/arm/v6"},
		{"linux/arm/v6 linux/arm/v7", "linux/arm", "linux/arm/v7"},
		{"linux/arm64/v8 linux/arm64", "linux/arm64", "linux/arm64"},
		{"linux/arm64/v8 linux/arm64", "linux/arm64/v8", "linux/arm64/v8"},
		{"unknown/unknown linux/amd64", "linux/amd64", "linux/amd64"},
		{"- linux/amd64", "linux/amd64", "linux/amd64"},
		{"linux/arm64 -", "linux/amd64", "-"},
		{"linux/amd64 linux/amd64+zstd", "linux/amd64", "linux/amd64+zstd"},
		{"linux/amd64/v2+zstd linux/amd64", "linux/amd64", "linux/amd64"},
	} {
		t.Run(tc.has+" for "+tc.platform, func(t *testing.T) {
			index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
			configs := map[string]string{}
			for _, name := range strings.Fields(tc.has) {
				plain, zstd := strings.CutSuffix(name, "+zstd")
				img := imagetest.Image(t, strings.Join(strings.Split(tc.platform, "/")[:2], "/"), imagetest.Gzip(t, imagetest.Tar(t, imagetest.File(name, 0o644))))
				add := mutate.IndexAddendum{Add: img}
				if plain != "-" {
					p, err := v1.ParsePlatform(plain)
					if err != nil {
						t.Fatal(err)
					}
					add.Platform = p
				}
				if zstd {
					add.Annotations = map[string]string{"io.github.containers.compression.zstd": "true"}
				}
				index = mutate.AppendManifests(index, add)
				config, err := img.ConfigName()
				if err != nil {
					t.Fatal(err)
				}
				configs[config.String()] = name
			}
			ref := fmt.Sprintf("%s/variants:%d", host, i)
			imagetest.Push(t, ref, index)
			img, err := open(ref, source.Options{Platform: tc.platform})
			if tc.want == "" {
				if !errors.Is(err, source.ErrNoImage) {
					t.Errorf("error %v, want ErrNoImage", err)
				}
				return
			}
			if err != nil || configs[img.Config.Digest.String()] != tc.want {
				t.Errorf("error %v, image %+v, want %s", err, img, tc.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	host := imagetest.Registry(t, nil)
	img := image(t, "linux/amd64")
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	imagetest.Push(t, host+"/cms/analysis:3", img)
	imagetest.Push(t, host+"/plain:latest", img)

	dir := t.TempDir()
	one, err := layout.Write(filepath.Join(dir, "One.dir"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	two, err := layout.Write(filepath.Join(dir, "two"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	ref := func(s string) layout.Option {
		return layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": s})
	}
	for _, err := range []error{
		one.AppendImage(img, ref("quay.io/cms/analysis:4")),
		two.AppendImage(image(t, "linux/s390x"), ref("a")), two.AppendImage(img, ref("b")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	archive := func(file string, names ...string) string {
		path := filepath.Join(dir, file)
		images := map[name.Tag]v1.Image{}
		for _, n := range names {
			tag, err := name.NewTag(n)
			if err != nil {
				t.Fatal(err)
			}
			images[tag] = img
		}
		if err := tarball.MultiWriteToFile(path, images); err != nil {
			t.Fatal(err)
		}
		return "docker-archive:" + path
	}
	single := archive("single.tar", "debian:12")
	archive("with:colon.tar", "localhost/colon:1")

	for _, tc := range []struct{ ref, given, want string }{
		{host + "/cms/analysis:3", "", host + "/cms/analysis:3"},
		{"docker://" + host + "/cms/analysis:3", "", host + "/cms/analysis:3"},
		{host + "/plain", "", host + "/plain:latest"},
		{"https://" + host + "/cms/analysis:3", "", host + "/cms/analysis:3"},
		{host + "/cms/analysis@" + digest.String(), "", host + "/cms/analysis@" + digest.String()},
		{host + "/plain", "cms/analysis:3", "docker.io/cms/analysis:3"},
		{host + "/plain", "debian", "docker.io/library/debian:latest"},
		{"oci:" + dir + "/One.dir", "", "quay.io/cms/analysis:4"},
		{"oci:" + dir + "/One.dir:quay.io/cms/analysis:4", "", "quay.io/cms/analysis:4"},
		{"oci:" + dir + "/two:b", "", "localhost/two:b"},
		{single, "", "docker.io/library/debian:12"},
		{single + ":debian:12", "", "docker.io/library/debian:12"},
		{single + ":docker.io/library/debian:12", "", "docker.io/library/debian:12"},
		{"docker-archive:" + dir + "/with:colon.tar", "", "localhost/colon:1"},
		{single, "localhost/cms/analysis", "localhost/cms/analysis:latest"},
	} {
		t.Run(tc.ref+" "+tc.given, func(t *testing.T) {
			img, err := open(tc.ref, source.Options{Name: tc.given})
			if err != nil {
				t.Fatal(err)
			}
			if img.Name != tc.want {
				t.Errorf("name %q, want %q", img.Name, tc.want)
			}
		})
	}
	for _, tc := range []struct{ ref, given, want string }{
		{"oci:" + dir + "/two", "", "unstated platform"},
		{"oci:" + dir + "/two:c", "", `tagged "c"`},
		{"oci:" + dir + "/none", "", "no such file"},
		{single + ":debian:13", "", "not found"},
		{"docker-archive:" + dir + "/none", "", "no such file"},
		{host + "/plain", "quay.io/../../x", "not a relative path"},
		{host + "/plain", "quay.io/.layers/x", "starts with a dot"},
		{host + "/plain", "localhost/a.b/some", "second registry"},
		{host + "/plain", "UPPER", "could not parse"},
		{host + "/absent", "", "NAME_UNKNOWN"},
		{"http://" + host + "/plain", "", "type " + host + "/plain, and --plain-http"},
		{"oci-archive:some.tar", "", "skopeo copy oci-archive:some.tar oci:DIR"},
		{"containers-storage:debian", "", "skopeo copy containers-storage:debian"},
	} {
		t.Run(tc.ref+" "+tc.given, func(t *testing.T) {
			_, err := open(tc.ref, source.Options{Name: tc.given})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestSkip(t *testing.T) {
	data := imagetest.Tar(t, imagetest.File("f", 0o644))
	layer := func(mt types.MediaType, tail string) v1.Layer {
		l := imagetest.Gzip(t, append(data, tail...))
		l.Type = mt
		return l
	}
	img := imagetest.Image(t, "linux/amd64",
		layer(types.OCILayer, "1"), layer(types.OCIRestrictedLayer, "2"),
		layer("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "3"),
		layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "4"))
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	got, err := open("oci:"+dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "foreign", "foreign", "encrypted"} {
		if skip := got.Layers[i].Skip; (want == "") != (skip == "") || !strings.Contains(skip, want) {
			t.Errorf("layer %d: skip %q, want %q", i, skip, want)
		}
	}
}

// TestUntrue reads layouts in which a file is not what the file above it names.
func TestUntrue(t *testing.T) {
	for _, what := range []string{"manifest", "config"} {
		t.Run(what, func(t *testing.T) {
			img := image(t, "linux/amd64")
			dir := t.TempDir()
			path, err := layout.Write(dir, empty.Index)
			if err != nil {
				t.Fatal(err)
			}
			if err := path.AppendImage(img); err != nil {
				t.Fatal(err)
			}
			h, err := img.Digest()
			if what == "config" {
				h, err = img.ConfigName()
			}
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "blobs", "sha256", h.Hex)
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := open("oci:"+dir, source.Options{}); !errors.Is(err, cvmfs.ErrMismatch) {
				t.Errorf("error %v, want ErrMismatch", err)
			}
		})
	}
}

func TestNoImage(t *testing.T) {
	host := imagetest.Registry(t, nil)
	artifact := mutate.ConfigMediaType(image(t, "linux/amd64"), "application/vnd.cncf.helm.config.v1+json")
	imagetest.Push(t, host+"/artifact:1", artifact)
	fewer, err := mutate.ConfigFile(image(t, "linux/amd64"), &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	imagetest.Push(t, host+"/fewer:1", fewer)
	for _, ref := range []string{"/artifact:1", "/fewer:1"} {
		if _, err := open(host+ref, source.Options{}); !errors.Is(err, source.ErrNoImage) {
			t.Errorf("%s: error %v, want ErrNoImage", ref, err)
		}
	}
}

// TestTLS asks a registry whose certificate nobody knows.
func TestTLS(t *testing.T) {
	var handler http.Handler
	plain := imagetest.Registry(t, func(h http.Handler) http.Handler { handler = h; return h })
	imagetest.Push(t, plain+"/some:1", image(t, "linux/amd64"))
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	server.Config.ErrorLog = nil
	ref := strings.TrimPrefix(server.URL, "https://") + "/some:1"
	if _, err := open(ref, source.Options{}); err == nil {
		t.Error("an unknown certificate was accepted")
	}
	if _, err := open(ref, source.Options{SkipTLSVerify: true}); err != nil {
		t.Errorf("without verification: %v", err)
	}
}
