package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

const refName = "org.opencontainers.image.ref.name"

func serve(dir, portFile string, layouts []string) error {
	if err := os.MkdirAll(filepath.Join(dir, "sha256"), 0o755); err != nil {
		return err
	}
	handler := registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)),
		registry.Logger(log.New(io.Discard, "", 0)))
	kinds := map[string]string{}
	for _, l := range layouts {
		if err := load(handler, dir, l, kinds); err != nil {
			return fmt.Errorf("loading layout %q: %w", l, err)
		}
	}
	return listen(portFile, &counter{next: ranges{handler, dir}, kinds: kinds})
}

// ranges answers requests for a part of a blob, as registries do and the one
// below does not.
type ranges struct {
	http.Handler
	dir string
}

func (h ranges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, digest, ok := strings.Cut(r.URL.Path, "/blobs/sha256:")
	if !ok || r.Method != http.MethodGet || r.Header.Get("Range") == "" || strings.Contains(digest, "/") {
		h.Handler.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeFile(w, r, filepath.Join(h.dir, "sha256", digest))
}

func listen(portFile string, handler http.Handler) error {
	host := os.Getenv("REGISTRY_HOST")
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp4", host+":0")
	if err != nil {
		return err
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if err := writeFile(portFile, port); err != nil {
		return err
	}
	return http.Serve(listener, handler)
}

// writeFile lets no reader see half a file.
func writeFile(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func load(handler http.Handler, dir, layoutPath string, kinds map[string]string) error {
	layoutPath, err := filepath.Abs(layoutPath)
	if err != nil {
		return err
	}
	blobs, err := filepath.Glob(filepath.Join(layoutPath, "blobs", "sha256", "*"))
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		err := os.Symlink(blob, filepath.Join(dir, "sha256", filepath.Base(blob)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	path, err := layout.FromPath(layoutPath)
	if err != nil {
		return err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, desc := range manifest.Manifests {
		repository, tag, ok := strings.Cut(desc.Annotations[refName], ":")
		if !ok {
			return fmt.Errorf("manifest %s has no name", desc.Digest)
		}
		if err := put(handler, path, repository, tag, desc, kinds); err != nil {
			return err
		}
	}
	return nil
}

// put hands a manifest to the registry, those that it lists first.
func put(handler http.Handler, path layout.Path, repository, target string, desc v1.Descriptor, kinds map[string]string) error {
	raw, err := path.Bytes(desc.Digest)
	if err != nil {
		return err
	}
	if desc.MediaType.IsIndex() {
		index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		for _, d := range index.Manifests {
			if err := put(handler, path, repository, d.Digest.String(), d, kinds); err != nil {
				return err
			}
		}
	} else {
		learn(kinds, raw)
	}
	request := httptest.NewRequest(http.MethodPut, "/v2/"+repository+"/manifests/"+target, bytes.NewReader(raw))
	request.Header.Set("Content-Type", string(desc.MediaType))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusCreated {
		return fmt.Errorf("putting manifest %s: %s", desc.Digest, answer.Body)
	}
	return nil
}
