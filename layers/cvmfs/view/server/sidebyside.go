package server

import (
	"sync"

	"golang.org/x/sync/errgroup"
)

// layerLimit bounds how many layers are asked at a time, for their catalogue or for
// what a directory holds: each question that is not answered holds a thread.
const layerLimit = 16

// sideBySide calls ask with 0 to n-1, for as many layers. The error is that of the
// lowest number, which is given, too.
func sideBySide(n int, ask func(i int) error) (failed int, err error) {
	var g errgroup.Group
	g.SetLimit(layerLimit - 1)
	var mu sync.Mutex
	call := func(i int) {
		if e := ask(i); e != nil {
			mu.Lock()
			defer mu.Unlock()
			if err == nil || i < failed {
				failed, err = i, e
			}
		}
	}
	for i := range n - 1 {
		g.Go(func() error {
			call(i)
			return nil
		})
	}
	if n > 0 {
		call(n - 1) // most directories are of one layer
	}
	_ = g.Wait()
	return failed, err
}
