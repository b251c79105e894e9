package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/lookup"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/blob"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/source"
)

// Finder finds a layer's directory, as a pull does (package lookup).
type Finder interface {
	Find(ctx context.Context, d, diffID digest.Digest) (cvmfs.Layer, error)
}

// State is what came out for a layer as a whole.
type State string

// All that a layer of a compared image can be.
const (
	Equal     State = "equal"
	Different State = "different" // missing ones too
	Unread    State = "unread"    // what could be read is equal
	Skipped   State = "skipped"   // foreign or encrypted: never published
)

// Layer is the outcome for one layer.
type Layer struct {
	Digest digest.Digest `json:"digest"`
	DiffID digest.Digest `json:"diff-id"`
	State  State         `json:"state"`
	Why    string        `json:"why,omitempty"` // it is Skipped
	Paths  int           `json:"paths"`         // entries of the tar
	Bytes  int64         `json:"bytes"`         // of contents, read from the repository
	// How much was reported of it.
	Differences int `json:"differences"`
	Unreadable  int `json:"unreadable"`
	Failed      int `json:"failed"`
	// WorldReadable counts differences of modes that are no more than what
	// CVMFS_WORLD_READABLE=yes adds to each file and directory.
	WorldReadable int `json:"world-readable,omitempty"`
}

// Report is told what is found, in the image's order. Calls do not overlap.
type Report struct {
	Difference func(Difference)
	Layer      func(Layer) // a layer is done
}

// Image compares what mounted repositories hold of an image. The finder says
// which of its repositories a pull would take a layer from, and whether there
// is an answer at all. A layer that it does not find is compared with what
// repository, the first one, has. An
// error means that not all was compared: a blob that is not what the image
// names (cvmfs.ErrMismatch), a repository that does not answer
// (cvmfs.ErrUnavailable), a layer that was changed meanwhile.
func Image(ctx context.Context, finder Finder, img *source.Image, repository string, report Report) error {
	for _, layer := range img.Distinct() {
		l := Layer{Digest: layer.Digest, DiffID: layer.DiffID, State: Equal}
		if layer.Skip != "" {
			l.State, l.Why = Skipped, layer.Skip
			report.Layer(l)
			continue
		}
		found, err := finder.Find(ctx, layer.Digest, layer.DiffID)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, cvmfs.ErrUnavailable) {
			return err
		}
		root := repository
		if err == nil {
			if root, _, err = cvmfs.SplitLayerPath(found.Path); err != nil {
				return err
			}
		}
		c := &comparison{ctx: ctx, layer: layer.Digest}
		c.report = func(d Difference) {
			l.count(d.What)
			if d.worldReadable {
				l.WorldReadable++
			}
			report.Difference(d)
		}
		if err := c.compare(root, layer, &l); err != nil {
			return fmt.Errorf("comparing layer %s: %w", layer.Digest, err)
		}
		l.Bytes = c.bytes
		report.Layer(l)
	}
	return nil
}

// Tree compares the tree that a repository has of a layer, and not the
// publisher's record of it. It gives the size of the layer's tar in bytes. A
// file that cannot be read is an error: nobody knows what it holds.
func Tree(ctx context.Context, repository string, layer source.Layer) (equal bool, size int64, err error) {
	l := Layer{}
	var first Difference
	c := &comparison{ctx: ctx, layer: layer.Digest, treeOnly: true}
	c.report = func(d Difference) {
		if l.count(d.What); l.Unreadable+l.Failed > 0 && first.What == "" {
			first = d
		}
	}
	if err := c.compare(repository, layer, &l); err != nil {
		return false, 0, err
	}
	if l.Differences == 0 && l.Unreadable+l.Failed > 0 {
		return false, 0, fmt.Errorf("%w: %s", errNotRead, first)
	}
	return l.Differences == 0, c.size, nil
}

var errNotRead = errors.New("not all could be read")

func (l *Layer) count(w What) {
	switch w {
	case Unreadable:
		l.Unreadable++
	case Failed:
		l.Failed++
	default:
		l.Differences++
	}
	l.State = Unread
	if l.Differences > 0 {
		l.State = Different
	}
}

// compare compares one layer.
func (c *comparison) compare(root string, layer source.Layer, l *Layer) error {
	repo, layers, err := beneath.Repository(root, unix.O_PATH)
	if err != nil {
		return fmt.Errorf("repository %q: %w", root, err)
	}
	defer unix.Close(repo)
	defer unix.Close(layers)
	open := func() (dir, layerfs int, hash string, err error) {
		if dir, layerfs, err = lookup.OpenLayer(repo, layers, layer.Digest); err != nil {
			return -1, -1, "", err
		}
		if hash, err = cvmfs.CatalogHash(layerfs); err != nil {
			unix.Close(dir)
			unix.Close(layerfs)
			return -1, -1, "", cvmfs.FromFS(err)
		}
		return dir, layerfs, hash, nil
	}
	dir, layerfs, hash, err := open()
	switch {
	case errors.Is(err, cvmfs.ErrLayerUnknown):
		c.report(c.difference("", Missing, nothing, "layer"))
		return nil
	case errors.Is(err, cvmfs.ErrInvalidLayer):
		c.report(c.difference("", Invalid, err.Error(), "layer"))
		return nil
	case err != nil:
		return err
	}
	defer unix.Close(dir)
	defer unix.Close(layerfs)
	c.client = hash != ""

	var want *model
	size, err := blob.Consume(c.ctx, layer, func(tar io.Reader) (err error) {
		want, err = readTar(c.ctx, tar)
		return err
	})
	if err != nil {
		return err
	}
	l.Paths = want.paths
	c.size = size
	if !c.treeOnly {
		if err := c.record(dir, layer, size); err != nil {
			return err
		}
	}
	_, err = c.extras(dir, "", func(name string) bool { return name == cvmfs.LayerFS || name == cvmfs.MetadataDir })
	if err != nil {
		return err
	}
	if err := c.tree(layerfs, want); err != nil {
		return err
	}
	// A CVMFS client shows a layer that was removed meanwhile as an empty one.
	again, layerfsAgain, hashAgain, err := open()
	if err != nil {
		return fmt.Errorf("it went while it was compared: %w", err)
	}
	unix.Close(again)
	unix.Close(layerfsAgain)
	if hashAgain != hash {
		return fmt.Errorf("%w: it was changed while it was compared", cvmfs.ErrMismatch)
	}
	return nil
}

func (c *comparison) tree(layerfs int, want *model) error {
	var st unix.Stat_t
	if err := unix.Fstat(layerfs, &st); err != nil {
		return cvmfs.FromFS(err)
	}
	for _, d := range c.metadata(cvmfs.LayerFS, &st, want.root) {
		c.report(d)
	}
	return c.directory(layerfs, cvmfs.LayerFS, want.root)
}

// record compares what the publisher has written down of the layer; a field
// that was left out says nothing. size is that of the tar, in bytes.
func (c *comparison) record(dir int, layer source.Layer, size int64) error {
	at := path.Join(cvmfs.MetadataDir, cvmfs.LayerMetadataFile)
	r, err := lookup.Record(dir)
	switch {
	case errors.Is(err, unix.EACCES):
		c.report(c.difference(at, Unreadable, notReadable, "file"))
		return nil
	case errors.Is(err, cvmfs.ErrMismatch):
		c.report(c.difference(at, Invalid, err.Error(), "record"))
		return nil
	case err != nil:
		return err
	case r == nil: // older layers have none
		return nil
	}
	for _, f := range []struct {
		name       What
		have, want string
	}{
		{"id", r.ID, layer.DiffID.Encoded()},
		{"compressed-diff-digest", r.CompressedDiffDigest.String(), layer.Digest.String()},
		{"diff-digest", r.DiffDigest.String(), layer.DiffID.String()},
	} {
		if f.have != "" && f.have != f.want {
			c.report(c.difference(at, f.name, cvmfs.Printable(f.have), f.want))
		}
	}
	if r.DiffSize != 0 && r.DiffSize != size {
		c.report(c.difference(at, "diff-size", decimal(r.DiffSize), decimal(size)))
	}
	return nil
}
