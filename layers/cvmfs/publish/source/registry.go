package source

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// openRegistry asks a registry. Credentials come from where docker and podman
// keep them.
func openRegistry(ctx context.Context, ref string, platform []v1.Platform, o Options) (v1.Image, string, error) {
	var opts []name.Option
	if o.PlainHTTP || o.SkipTLSVerify {
		opts = append(opts, name.Insecure)
	}
	parsed, err := parse(ref, opts...)
	if err != nil {
		return nil, "", err
	}
	remoteOpts := []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("cvmfs-layers"),
	}
	if o.SkipTLSVerify {
		transport, ok := remote.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, "", fmt.Errorf("skipping TLS verification: unexpected default transport %T", remote.DefaultTransport)
		}
		transport = transport.Clone()
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
		remoteOpts = append(remoteOpts, remote.WithTransport(transport))
	}
	found, err := remote.Get(parsed, remoteOpts...)
	if err != nil {
		return nil, "", err
	}
	var img v1.Image
	switch {
	case found.MediaType.IsIndex():
		index, err := found.ImageIndex()
		if err != nil {
			return nil, "", fmt.Errorf("reading index: %w", err)
		}
		if img, err = fromIndex(index, platform); err != nil {
			return nil, "", err
		}
	case found.MediaType.IsImage():
		if img, err = found.Image(); err != nil {
			return nil, "", fmt.Errorf("reading manifest: %w", err)
		}
	default:
		return nil, "", fmt.Errorf("%w: a manifest of type %q is not supported", ErrNoImage, found.MediaType)
	}
	return img, fullName(parsed), nil
}
