// Command registry serves OCI layouts as a registry on the loopback interface
// and counts, per request, the bytes of every response body: what demo and
// tests mean by "downloaded".
//
//	registry serve DIR PORTFILE LAYOUT…   serve until killed; the port goes to PORTFILE
//	registry proxy PORTFILE HOST          the same in front of a registry elsewhere
//	registry requests PORT                 the requests so far, one JSON object each
//
// REGISTRY_HOST is another address to listen on: in a network namespace of its
// own a registry may have one that others reach.
//
// Blobs are links in DIR/sha256: removing one makes the registry lack it.
// Pushed blobs go there too. An image in a layout is named by its annotation
// org.opencontainers.image.ref.name, repository:tag.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "serve":
		return serve(args[1], args[2], args[3:])
	case len(args) == 3 && args[0] == "proxy":
		return proxy(args[1], args[2])
	case len(args) == 2 && args[0] == "requests":
		return printRequests(args[1])
	default:
		return fmt.Errorf("usage: serve DIR PORTFILE LAYOUT... | proxy PORTFILE HOST | requests PORT")
	}
}

func printRequests(port string) error {
	resp, err := http.Get("http://127.0.0.1:" + port + requestsPath)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}
