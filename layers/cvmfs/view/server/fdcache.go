package server

import (
	"container/list"
	"sync"

	"golang.org/x/sys/unix"
)

// fdKey names one node as one layer holds it.
type fdKey struct {
	node  *node
	layer int
}

// fdCache keeps descriptors of recently used nodes open: the kernel's requests
// come by node, without an open to hang a descriptor on (see Open).
type fdCache struct {
	mu      sync.Mutex
	max     int // descriptors kept when unused
	entries map[fdKey]*fdEntry
	order   *list.List // of *fdEntry, most recently used first
}

// fdEntry is one descriptor; it stays open while refs > 0.
type fdEntry struct {
	fd     int
	size   int64 // of a regular file, in bytes
	key    fdKey
	refs   int
	elem   *list.Element
	cached bool
}

// newFDCache keeps at most limit descriptors, and at least one.
func newFDCache(limit int) *fdCache {
	return &fdCache{max: max(limit, 1), entries: map[fdKey]*fdEntry{}, order: list.New()}
}

// get gives the descriptor for key, opening it if need be: open returns it, and
// a regular file's size. The caller puts it back.
func (c *fdCache) get(key fdKey, open func() (int, int64, error)) (*fdEntry, error) {
	c.mu.Lock()
	if e := c.use(key); e != nil {
		c.mu.Unlock()
		return e, nil
	}
	c.mu.Unlock()
	fd, size, err := open()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.use(key); e != nil { // another request was quicker
		unix.Close(fd)
		return e, nil
	}
	e := &fdEntry{fd: fd, size: size, key: key, refs: 1, cached: true}
	e.elem = c.order.PushFront(e)
	c.entries[key] = e
	for c.order.Len() > c.max {
		c.drop(c.order.Back().Value.(*fdEntry))
	}
	return e, nil
}

func (c *fdCache) use(key fdKey) *fdEntry {
	e := c.entries[key]
	if e != nil {
		e.refs++
		c.order.MoveToFront(e.elem)
	}
	return e
}

func (c *fdCache) put(e *fdEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.refs--
	c.closeUnused(e)
}

// forget drops what is kept for a node that the kernel forgot.
func (c *fdCache) forget(key fdKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.drop(e)
	}
}

func (c *fdCache) drop(e *fdEntry) {
	delete(c.entries, e.key)
	c.order.Remove(e.elem)
	e.cached = false
	c.closeUnused(e)
}

func (c *fdCache) closeUnused(e *fdEntry) {
	if !e.cached && e.refs == 0 {
		unix.Close(e.fd)
	}
}
