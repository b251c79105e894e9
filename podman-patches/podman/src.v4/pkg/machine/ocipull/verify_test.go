package ocipull

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containers/podman/v5/pkg/machine/define"
)

// The registry of machine images must prove who it is.
func TestPullVerifies(t *testing.T) {
	var asked atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "{}", http.StatusNotFound)
	}))
	defer other.Close()
	// Whoever is on the way to the registry.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
		client, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", other.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		go io.Copy(server, buffered)
		_, _ = io.Copy(client, server)
	}))
	defer proxy.Close()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	disk := &Versioned{ctx: context.Background(), imageFormat: define.Qcow, machineVersion: getVersion()}
	err := disk.pull(filepath.Join(t.TempDir(), "image"))
	if err == nil || !strings.Contains(err.Error(), "certificate") || asked.Load() != 0 {
		t.Errorf("pulling from a registry with another's certificate: %v; it was asked %d times", err, asked.Load())
	}
}
