package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// requestsPath answers with the requests so far; it is not counted itself.
const requestsPath = "/requests"

// request is one answered request. Kind is manifest, config, layer, blob (of
// an image that was pushed: config or layer) or other. Bytes counts the body
// that was sent, not what was announced.
type request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	Status int    `json:"status"`
	Bytes  int64  `json:"bytes"`
}

// counter wraps the registry. A reader of the counts waits for the requests
// under way: a client may have its last byte before the handler returns.
type counter struct {
	next  http.Handler
	kinds map[string]string // of blobs, by digest

	underWay sync.RWMutex
	mu       sync.Mutex
	requests []request
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == requestsPath {
		c.report(w)
		return
	}
	c.underWay.RLock()
	defer c.underWay.RUnlock()
	counted := &countedResponse{ResponseWriter: w, status: http.StatusOK}
	c.next.ServeHTTP(counted, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, request{r.Method, r.URL.Path, c.kind(r.URL.Path), counted.status, counted.bytes})
}

func (c *counter) kind(path string) string {
	_, digest, ok := strings.Cut(path, "/blobs/")
	switch {
	case ok && c.kinds[digest] != "":
		return c.kinds[digest]
	case ok:
		return "blob"
	case strings.Contains(path, "/manifests/"):
		return "manifest"
	default:
		return "other"
	}
}

func (c *counter) report(w http.ResponseWriter) {
	c.underWay.Lock()
	defer c.underWay.Unlock()
	encoder := json.NewEncoder(w)
	for _, r := range c.requests {
		if err := encoder.Encode(r); err != nil {
			return // the reader went away
		}
	}
}

// learn notes what an image manifest says its blobs are.
func (c *counter) learn(manifest []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	learn(c.kinds, manifest)
}

func learn(kinds map[string]string, manifest []byte) {
	image, err := v1.ParseManifest(bytes.NewReader(manifest))
	if err != nil || image.Config.Digest.Hex == "" {
		return // a list, or an error message
	}
	kinds[image.Config.Digest.String()] = "config"
	for _, l := range image.Layers {
		kinds[l.Digest.String()] = "layer"
	}
}

// countedResponse counts what is written to the client. A HEAD request's body
// is never sent.
type countedResponse struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countedResponse) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedResponse) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}
