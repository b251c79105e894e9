package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/containers/image/v5/docker/reference"
	"github.com/containers/image/v5/pkg/sysregistriesv2"
	"github.com/containers/image/v5/types"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// open finds the image that a user names, where podman finds it: by the short
// names, prefixes and mirrors of registries.conf(5). The image keeps the name
// that podman gives it, wherever it is read from.
func (f *imageFlags) open(ctx context.Context, image string) (*source.Image, error) {
	places, err := find(image)
	if err != nil {
		return nil, fmt.Errorf("opening image %q: %w", image, err)
	}
	var problems []error
	for _, p := range places {
		options := f.options()
		options.PlainHTTP = options.PlainHTTP || p.insecure
		options.SkipTLSVerify = options.SkipTLSVerify || p.insecure
		if options.Name == "" {
			options.Name = p.name
		}
		img, err := source.Open(ctx, p.ref, options)
		if err == nil {
			return img, nil
		}
		problems = append(problems, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(problems...)
}

// place is where an image may be read from.
type place struct {
	ref      string
	name     string // the image's own, "" for that of ref
	insecure bool
}

// find says where to look for an image, in the order of a pull.
func find(image string) ([]place, error) {
	if !source.IsRegistry(image) {
		return []place{{ref: image}}, nil
	}
	written := strings.TrimPrefix(strings.TrimPrefix(image, "docker://"), "https://")
	sys := &types.SystemContext{SystemRegistriesConfPath: registriesConf()}
	names, err := fullNames(sys, written)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 { // package source says what is wrong with it
		return []place{{ref: image}}, nil
	}
	var places []place
	for _, name := range names {
		more, err := endpoints(sys, name)
		if err != nil {
			return nil, err
		}
		places = append(places, more...)
	}
	return places, nil
}

// registriesConf is where podman looks for registries.conf, "" for its usual places.
func registriesConf() string {
	for _, env := range []string{"CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"} {
		if path := os.Getenv(env); path != "" {
			return path
		}
	}
	return ""
}

// fullNames gives the names that an image may have in full: more than one only
// if its registry is left out. Without a registry and a configuration that
// says otherwise, it is docker.io's. A name that is not valid gives none.
func fullNames(sys *types.SystemContext, written string) ([]reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(written)
	if err != nil {
		return nil, nil //nolint:nilerr // package source has a better error
	}
	first, _, qualified := strings.Cut(written, "/")
	if qualified && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return []reference.Named{named}, nil
	}
	name, rest := written, ""
	if i := strings.IndexAny(written, ":@"); i >= 0 {
		name, rest = written[:i], written[i:]
	}
	alias, _, err := sysregistriesv2.ResolveShortNameAlias(sys, name)
	if err != nil {
		return nil, err
	}
	if alias != nil {
		return parseAll(alias.Name() + rest)
	}
	search, err := sysregistriesv2.UnqualifiedSearchRegistries(sys)
	if err != nil {
		return nil, err
	}
	if len(search) == 0 {
		return []reference.Named{named}, nil
	}
	var all []string
	for _, registry := range search {
		full := registry + "/" + written
		if registry == "docker.io" {
			full = named.String()
		}
		all = append(all, full)
	}
	return parseAll(all...)
}

func parseAll(full ...string) ([]reference.Named, error) {
	var out []reference.Named
	for _, s := range full {
		named, err := reference.ParseNormalizedNamed(s)
		if err != nil {
			return nil, fmt.Errorf("parsing %q: %w", s, err)
		}
		out = append(out, named)
	}
	return out, nil
}

// endpoints gives the mirrors and the registry of an image, as registries.conf
// has them.
func endpoints(sys *types.SystemContext, named reference.Named) ([]place, error) {
	named = reference.TagNameOnly(named)
	if digested, ok := named.(reference.Digested); ok { // the digest decides, a tag beside it does not
		var err error
		if named, err = reference.WithDigest(reference.TrimNamed(named), digested.Digest()); err != nil {
			return nil, err
		}
	}
	registry, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil {
		return nil, err
	}
	if registry == nil {
		return []place{{ref: named.String(), name: named.String()}}, nil
	}
	if registry.Blocked {
		return nil, fmt.Errorf("registry %s is blocked in registries.conf", registry.Prefix)
	}
	sources, err := registry.PullSourcesFromReference(named)
	if err != nil {
		return nil, err
	}
	var out []place
	for _, s := range sources {
		out = append(out, place{ref: s.Reference.String(), name: named.String(), insecure: s.Endpoint.Insecure})
	}
	return out, nil
}

// configured gives the repositories that a command was told, or those of
// cvmfs.conf, which a pull by this account asks.
func configured(given []string) ([]string, error) {
	if len(given) > 0 {
		return given, nil
	}
	c, err := config.Load(config.Options{Rootless: os.Geteuid() != 0})
	if err != nil {
		return nil, err
	}
	return c.Repositories, nil
}
