package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// forwarder hands a client's requests to a registry elsewhere, so that what a
// real image costs is counted by the same counter. Redirects to the registry's
// storage are followed here: the client must not get around the counter.
type forwarder struct {
	base   string
	client *http.Client
	learn  func(manifest []byte)
}

func proxy(portFile, upstream string) error {
	scheme := "https"
	if strings.HasPrefix(upstream, "127.0.0.1:") {
		scheme = "http"
	}
	if upstream == "docker.io" {
		upstream = "registry-1.docker.io"
	}
	c := &counter{kinds: map[string]string{}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // bytes are counted, and digests checked, as they are
	c.next = &forwarder{base: scheme + "://" + upstream, client: &http.Client{Transport: transport}, learn: c.learn}
	return listen(portFile, c)
}

// forwarded are the headers that a pull and its answers need.
var forwarded = []string{
	"Accept", "Authorization", "Range", "User-Agent",
	"Content-Length", "Content-Range", "Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version",
	"Etag", "Link", "Retry-After", "Www-Authenticate",
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), r.Method, f.base+r.URL.RequestURI(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	copyHeaders(request.Header, r.Header)
	answer, err := f.client.Do(request)
	if err != nil {
		http.Error(w, fmt.Sprintf("asking %s: %v", f.base, err), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	copyHeaders(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	if !strings.Contains(r.URL.Path, "/manifests/") {
		_, _ = io.Copy(w, answer.Body) // a client that sees too little fails on its own
		return
	}
	var manifest bytes.Buffer
	_, _ = io.Copy(w, io.TeeReader(answer.Body, &manifest))
	f.learn(manifest.Bytes())
}

func copyHeaders(to, from http.Header) {
	for _, name := range forwarded {
		if values, ok := from[name]; ok {
			to[name] = values
		}
	}
}
