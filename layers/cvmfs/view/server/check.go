package server

import (
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// check is a question to a repository, to which a yes is good for a while. Whoever asks
// it while it is being asked shares the answer.
type check struct {
	flight singleflight.Group
	yes    atomic.Int64 // when the last question was put that was answered with yes, in nanoseconds since a start
}

// since asks, unless a question was put at the time begun or later, which counts from
// start as yes does, and was answered with yes.
func (c *check) since(start time.Time, begun time.Duration, ask func() error) error {
	for time.Duration(c.yes.Load()) < begun {
		_, err, _ := c.flight.Do("", func() (any, error) {
			at := time.Since(start)
			err := ask()
			if err == nil {
				c.yes.Store(int64(at))
			}
			return nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
