package inventory

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// Finder finds a layer's directory, as a pull does (package lookup).
type Finder interface {
	Find(ctx context.Context, d, diffID digest.Digest) (cvmfs.Layer, error)
}

// State says whether a pull would take a layer from a repository.
type State string

// Unavailable is not Missing: a repository that may have it did not answer.
const (
	Present     State = "present"
	Missing     State = "missing"
	Unavailable State = "unavailable"
	Ordinary    State = "ordinary" // foreign or encrypted: never published
	Closed      State = "closed"   // there, and not for this user to read all of: a pull downloads it
)

// Held is one layer of an image and where it is.
type Held struct {
	Digest     digest.Digest `json:"digest"`
	DiffID     digest.Digest `json:"diff-id"`
	Compressed int64         `json:"compressed-size"` // bytes, as the manifest says
	Unpacked   int64         `json:"unpacked-size"`   // bytes of the tar, -1 if not known
	State      State         `json:"state"`
	Repository string        `json:"repository,omitempty"`
	Path       string        `json:"path,omitempty"`
	Why        string        `json:"why,omitempty"` // it is not Present
	// Hidden is set on demand only, by the caller.
	Hidden []Entry `json:"hidden,omitempty"`
}

// Check looks each layer of an image up, in the image's order.
func Check(ctx context.Context, finder Finder, img *source.Image) ([]Held, error) {
	held := []Held{}
	for _, layer := range img.Layers {
		h := Held{Digest: layer.Digest, DiffID: layer.DiffID, Compressed: layer.Size, Unpacked: -1}
		if layer.Skip != "" {
			h.State, h.Why = Ordinary, layer.Skip
			held = append(held, h)
			continue
		}
		found, err := finder.Find(ctx, layer.Digest, layer.DiffID)
		switch {
		case err == nil:
			h.State, h.Path, h.Unpacked = Present, found.Path, found.DiffSize
			if h.Repository, _, err = cvmfs.SplitLayerPath(found.Path); err != nil {
				return nil, err
			}
		case errors.Is(err, cvmfs.ErrLayerUnknown):
			h.State, h.Why = Missing, err.Error()
		case errors.Is(err, cvmfs.ErrClosed):
			h.State, h.Why = Closed, err.Error()
		case errors.Is(err, cvmfs.ErrUnavailable):
			h.State, h.Why = Unavailable, err.Error()
		default:
			return nil, err
		}
		held = append(held, h)
	}
	return held, nil
}
