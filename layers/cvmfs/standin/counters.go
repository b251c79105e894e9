package standin

import (
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
)

// operation is a kind of request that is counted, delayed and failed.
type operation string

const (
	opLookup    operation = "lookup"
	opGetattr   operation = "getattr"
	opReadlink  operation = "readlink"
	opOpen      operation = "open"
	opRead      operation = "read"
	opOpendir   operation = "opendir"
	opReaddir   operation = "readdir"
	opGetxattr  operation = "getxattr"
	opListxattr operation = "listxattr"
	opStatfs    operation = "statfs"
	opAll       operation = "all"
)

var operations = []operation{
	opLookup, opGetattr, opReadlink, opOpen, opRead,
	opOpendir, opReaddir, opGetxattr, opListxattr, opStatfs, opAll,
}

// Counts are the requests that arrived since the start or the last reset,
// those that a fault switch held or failed among them.
type Counts struct {
	Lookups    int64 `json:"lookups"`
	Getattrs   int64 `json:"getattrs"`
	Readlinks  int64 `json:"readlinks"`
	Opens      int64 `json:"opens"`
	Reads      int64 `json:"reads"`
	BytesRead  int64 `json:"bytes-read"`
	Opendirs   int64 `json:"opendirs"`
	Readdirs   int64 `json:"readdirs"`
	Getxattrs  int64 `json:"getxattrs"`
	Listxattrs int64 `json:"listxattrs"`
	Statfs     int64 `json:"statfs"`
}

// Counters is what the control command "counters" answers.
type Counters struct {
	Total Counts `json:"total"`
	// Layers holds the layers that were asked for anything.
	Layers map[digest.Digest]Counts `json:"layers"`
}

// tally counts by kind. The bytes of reads stand beside the kinds.
type tally struct {
	lookup, getattr, readlink, open, read, bytes, opendir, readdir, getxattr, listxattr, statfs atomic.Int64
}

func (t *tally) of(op operation) *atomic.Int64 {
	switch op {
	case opLookup:
		return &t.lookup
	case opGetattr:
		return &t.getattr
	case opReadlink:
		return &t.readlink
	case opOpen:
		return &t.open
	case opRead:
		return &t.read
	case opOpendir:
		return &t.opendir
	case opReaddir:
		return &t.readdir
	case opGetxattr:
		return &t.getxattr
	case opListxattr:
		return &t.listxattr
	default:
		return &t.statfs
	}
}

func (t *tally) counts() Counts {
	return Counts{
		Lookups: t.lookup.Load(), Getattrs: t.getattr.Load(), Readlinks: t.readlink.Load(),
		Opens: t.open.Load(), Reads: t.read.Load(), BytesRead: t.bytes.Load(),
		Opendirs: t.opendir.Load(), Readdirs: t.readdir.Load(), Getxattrs: t.getxattr.Load(),
		Listxattrs: t.listxattr.Load(), Statfs: t.statfs.Load(),
	}
}

func (t *tally) reset() {
	for _, op := range operations {
		t.of(op).Store(0)
	}
	t.bytes.Store(0)
}

type counters struct {
	total tally
	mu    sync.Mutex
	layer map[digest.Digest]*tally
}

// forPath is the tally of the layer that name is in, nil outside of layers.
func (c *counters) forPath(name string) *tally {
	d := layerOf(name)
	if d == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.layer[d]
	if t == nil {
		t = new(tally)
		c.layer[d] = t
	}
	return t
}

func (c *counters) add(op operation, layer *tally) {
	c.total.of(op).Add(1)
	if layer != nil {
		layer.of(op).Add(1)
	}
}

func (c *counters) addBytes(n int, layer *tally) {
	c.total.bytes.Add(int64(n))
	if layer != nil {
		layer.bytes.Add(int64(n))
	}
}

func (c *counters) snapshot() Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Counters{Total: c.total.counts(), Layers: map[digest.Digest]Counts{}}
	for d, t := range c.layer {
		if counts := t.counts(); counts != (Counts{}) {
			out.Layers[d] = counts
		}
	}
	return out
}

func (c *counters) json() (string, error) {
	b, err := json.MarshalIndent(c.snapshot(), "", "  ")
	return string(b), err
}

// reset zeroes in place: nodes keep their layer's tally.
func (c *counters) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.reset()
	for _, t := range c.layer {
		t.reset()
	}
}
