// Package pull decides, for one pull of one image, where each layer comes from:
// a repository, or the registry as usual. The patched containers/image asks and
// obeys; nothing here knows about manifests, stores or progress bars.
//
// The order of a pull: the image's config is noted first (NoteDiffIDs), then
// each layer is asked for (Layer), side by side. A layer that comes from a
// repository is identified by the diffID that the config gives it, since
// nobody reads its contents.
package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
)

// Pull is the pull of one image. It is safe for concurrent use.
type Pull struct {
	mode   config.Mode
	finder *lookup.Finder
	warn   func(string)

	mu      sync.Mutex
	diffIDs []digest.Digest // by position in the manifest; nil if they can't be used
	reason  error           // why diffIDs is nil
	told    bool            // reason has been told
	claimed map[digest.Digest]digest.Digest
	found   map[digest.Digest]*Answer
	passed  map[digest.Digest]bool // layers that may be downloaded in mode only
	held    []string               // warnings that an error would repeat
}

// Question is about one layer.
type Question struct {
	// Index is the layer's position in the manifest, the base being 0.
	Index int
	// Digest is the layer's digest, as in the manifest.
	Digest digest.Digest
	// MediaType is the layer's, as in the manifest, or "".
	MediaType string
	// URLs are where a foreign layer is to be had; empty for all others.
	URLs []string
	// Empty says that the manifest marks the layer as one that changes nothing (Docker schema 1).
	Empty bool
}

// Answer is a layer that a repository has.
type Answer struct {
	Layer  cvmfs.Layer
	DiffID digest.Digest
	// MediaType is the layer's, as in the manifest, or "".
	MediaType string
	// Repository is the repository's name, or its path where it has none, to show to the user.
	Repository string
}

// errNoConfig is the reason while no config has been noted.
var errNoConfig = errors.New("the image has no config that names them")

// New starts a pull. override is the mode that the user asked for, or "" for
// the configured one; warn is told, in one line each, what the user should know.
func New(conf config.Config, override string, warn func(string)) (*Pull, error) {
	mode := conf.Pull
	if override != "" {
		var err error
		if mode, err = config.ParseMode(override); err != nil {
			return nil, err
		}
	}
	if warn == nil {
		warn = func(string) {}
	}
	p := &Pull{
		mode:    mode,
		finder:  lookup.New(conf.Repositories, conf.Timeout),
		warn:    warn,
		reason:  errNoConfig,
		claimed: map[digest.Digest]digest.Digest{},
		found:   map[digest.Digest]*Answer{},
		passed:  map[digest.Digest]bool{},
	}
	conf.WarnOnce(warn)
	p.finder.Warn = warn
	if mode == config.Only {
		p.finder.Warn = p.hold
	}
	if mode != config.Off {
		p.finder.Start()
	}
	return p, nil
}

// Close ends what the pull has started; it can go on being asked.
func (p *Pull) Close() { p.finder.Close() }

// Mode tells what this pull does with layers that a repository has.
func (p *Pull) Mode() config.Mode { return p.mode }

// NoteDiffIDs takes the diffIDs from the image's config, by position in the
// manifest, before any layer is asked for. err, if not nil, says why they can't be used.
func (p *Pull) NoteDiffIDs(diffIDs []digest.Digest, err error) {
	if err == nil && len(diffIDs) == 0 {
		err = errNoConfig
	}
	for _, diffID := range diffIDs {
		if err == nil {
			err = cvmfs.CheckDigest(diffID)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.diffIDs, p.reason, p.told = nil, err, false
	if err == nil {
		p.diffIDs = slices.Clone(diffIDs)
	}
}

// Layer says where to take a layer from: a repository; as usual, if the answer
// is nil; or nowhere, if there is an error and the pull is to fail.
func (p *Pull) Layer(ctx context.Context, q Question) (*Answer, error) {
	if p.mode == config.Off {
		return nil, nil
	}
	if q.Empty || isEmpty(q.Digest) { // not worth a look-up, and never published
		p.pass(q.Digest)
		return nil, nil
	}
	if reason := unpublished(q); reason != "" {
		if p.mode == config.Only {
			return nil, fmt.Errorf("layer %s cannot come from a repository: it is %s", q.Digest, reason)
		}
		return nil, nil
	}
	diffID, err := p.diffID(q)
	if err != nil {
		return nil, p.unidentified(q, err)
	}
	if answer := p.Found(q.Digest); answer != nil {
		return answer, nil
	}
	layer, err := p.finder.Find(ctx, q.Digest, diffID)
	if err != nil {
		if isEmpty(diffID) { // whatever made the blob: what is downloaded must have this diffID
			p.pass(q.Digest)
			return nil, nil
		}
		if p.mode == config.Only || ctx.Err() != nil || errors.Is(err, cvmfs.ErrExhausted) {
			return nil, err
		}
		if errors.Is(err, cvmfs.ErrClosed) {
			p.warn(err.Error() + "; downloading it")
		}
		return nil, nil // the finder has told of outages
	}
	answer := &Answer{Layer: layer, DiffID: diffID, MediaType: q.MediaType, Repository: repositoryName(layer)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found[q.Digest] = answer
	for _, line := range p.held {
		p.warn(line)
	}
	p.held = nil
	return answer, nil
}

// hold keeps a warning until a layer has been found elsewhere. If none is, the
// pull fails, and its error says the same.
func (p *Pull) hold(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = append(p.held, line)
}

// Found gives the answer that Layer gave for the layer with this digest, or
// nil: a remote layer that the store holds from an earlier pull counts for
// this one only if it has been found again.
func (p *Pull) Found(d digest.Digest) *Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found[d]
}

// MayDownload is an error if this pull must not download the layer with this
// digest. It guards the ways on which a layer is never asked for.
func (p *Pull) MayDownload(d digest.Digest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode != config.Only || p.passed[d] || isEmpty(d) {
		return nil
	}
	if d == "" { // of a layer that is decrypted on the way
		return fmt.Errorf("a layer would have to be downloaded, which mode %q forbids", p.mode)
	}
	return fmt.Errorf("layer %s would have to be downloaded, which mode %q forbids", d, p.mode)
}

func (p *Pull) pass(d digest.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed[d] = true
}

// diffID gives the diffID of the layer in question, or says why it has none.
func (p *Pull) diffID(q Question) (digest.Digest, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.diffIDs == nil {
		return "", p.reason
	}
	if q.Index < 0 || q.Index >= len(p.diffIDs) {
		return "", fmt.Errorf("the config names %d, and this is number %d", len(p.diffIDs), q.Index+1)
	}
	diffID := p.diffIDs[q.Index]
	if other, ok := p.claimed[q.Digest]; ok && other != diffID {
		return "", fmt.Errorf("the config gives layer %s two: %s and %s", q.Digest, other, diffID)
	}
	p.claimed[q.Digest] = diffID
	return diffID, nil
}

// unidentified is the error for a layer without a usable diffID: nil in mode
// auto, where one line for the whole image says why all is downloaded.
func (p *Pull) unidentified(q Question, reason error) error {
	err := fmt.Errorf("no diffIDs to identify layers by: %w", reason)
	if p.mode == config.Only {
		return fmt.Errorf("layer %s cannot come from a repository: %w", q.Digest, err)
	}
	p.mu.Lock()
	told := p.told
	p.told = true
	p.mu.Unlock()
	if !told {
		p.warn("downloading layers, no repository is asked: " + err.Error())
	}
	return nil
}

func repositoryName(layer cvmfs.Layer) string {
	if layer.Repository != "" {
		return layer.Repository
	}
	repository, _, err := cvmfs.SplitLayerPath(layer.Path)
	if err != nil { // a path that the finder has just made
		return layer.Path
	}
	return repository
}
