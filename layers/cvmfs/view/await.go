//go:build linux

package view

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/userns"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

const (
	// prepareFor is how long what is prepared can be awaited. An older answer, or a
	// wait for one, says too little of now.
	prepareFor = time.Second
	// keepFor is how long a process that has opened layers waits at least for a mount
	// of them, which comes next; if not, nothing is lost.
	keepFor = 3 * time.Second
)

// prepared are the processes that open layers which nobody has awaited yet, and kept
// those that have them open and wait for a mount.
var prepared, kept waitingList

// waiting is a process that opens layers.
type waiting struct {
	spec   spec.Spec
	opened chan struct{} // closed when what follows is known: the layers are open, or cannot be
	*process
	err error
}

// begin begins to open layers, for as long as the timeout says.
func begin(layers []spec.Layer, timeout time.Duration) *waiting {
	initial, err := userns.Initial()
	w := &waiting{
		spec:   spec.Spec{Layers: layers, Timeout: timeout, NoDevices: !initial},
		opened: make(chan struct{}), process: &process{}, err: err,
	}
	go func() {
		defer close(w.opened)
		if w.err == nil {
			w.process, w.err = await(w.spec, true)
		}
	}()
	return w
}

// Await waits until the layers can be opened, in a process that can be left
// behind, for as long as Stack would with that timeout. To mount a view takes locks
// that others wait for, such as whoever lists images: who asks first, without the
// locks, then takes them only for a repository that answers. The next view of these
// very layers is served by that process, which has them open, if it comes soon or
// within that time: whoever stops a container first, to mount it once more, says so.
// The errors are Stack's, and os.ErrDeadlineExceeded too where there was no answer.
func Await(layers []spec.Layer, timeout, within time.Duration) error {
	w := begun(layers, timeout)
	<-w.opened
	if w.err != nil || w.conn == nil || w.cmd == nil {
		w.close()
		return w.err
	}
	kept.keep(w, max(keepFor, within))
	return nil
}

// begun takes what has been prepared for these layers, or begins anew.
func begun(layers []spec.Layer, timeout time.Duration) *waiting {
	w := prepared.drop(func(w *waiting) bool { return reflect.DeepEqual(w.spec.Layers, layers) })
	if w == nil {
		w = begin(layers, timeout)
	}
	return w
}

// Prepare begins what Await waits for, and returns at once: who makes a container to
// start it awaits its layers next, and has other things to do before. An error is for
// who awaits; if nobody does within a second, the process ends.
func Prepare(layers []spec.Layer, timeout time.Duration) {
	if len(layers) == 0 {
		return
	}
	w := begin(layers, timeout)
	prepared.keep(w, prepareFor)
	go func() {
		if <-w.opened; w.err != nil || w.cmd == nil {
			prepared.discard(w) // who comes later asks anew
		}
	}()
}

// AwaitOne is Await for layers that are mounted already. It asks for the first of
// each repository, which is enough to learn whether the repositories answer.
func AwaitOne(layers []spec.Layer, timeout time.Duration) error {
	p, err := await(spec.Spec{Layers: oneOfEach(layers), Timeout: timeout}, false)
	p.close()
	return err
}

// await gives a process that has opened the spec's layers, with a connection if it is
// to serve them; without layers, or where no program is installed to do so, one that
// has not been started.
func await(s spec.Spec, serves bool) (*process, error) {
	p := &process{}
	if len(s.Layers) == 0 {
		return p, nil
	}
	path, err := helper.Find(helper.View)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil // direct views need no server; the others will say so
	}
	if err == nil && serves {
		if p.conn, err = connect(); err != nil {
			p.conn, err = nil, nil // the mount will say so, if it needs one
		}
	}
	if err == nil {
		err = p.run(path, spec.Await)
	}
	if err == nil {
		err = p.tell(s)
	}
	return p, err
}

// waitingList holds processes that wait, the newest last.
type waitingList struct {
	sync.Mutex
	list []*waiting
}

// keep holds a process until it is taken, but not for longer.
func (k *waitingList) keep(w *waiting, longest time.Duration) {
	k.Lock()
	defer k.Unlock()
	k.list = append(k.list, w)
	time.AfterFunc(longest, func() { k.discard(w) })
}

// discard ends a process that nobody has taken.
func (k *waitingList) discard(w *waiting) {
	if k.drop(func(other *waiting) bool { return other == w }) != nil {
		<-w.opened
		w.close()
	}
}

// take gives the newest process that can serve a view; nil if there is none. What it
// has listed ahead knows of nothing below.
func (k *waitingList) take(s spec.Spec) *waiting {
	return k.drop(func(w *waiting) bool {
		return len(s.Below) == 0 && s.NoDevices == w.spec.NoDevices && reflect.DeepEqual(s.Layers, w.spec.Layers)
	})
}

// drop takes the newest that fits out of the list.
func (k *waitingList) drop(fits func(*waiting) bool) *waiting {
	k.Lock()
	defer k.Unlock()
	for i := len(k.list) - 1; i >= 0; i-- {
		if w := k.list[i]; fits(w) {
			k.list = slices.Delete(k.list, i, i+1)
			return w
		}
	}
	return nil
}

// oneOfEach keeps of layers the first of each repository.
func oneOfEach(layers []spec.Layer) []spec.Layer {
	asked := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(layers), func(l spec.Layer) bool {
		repository, _, err := cvmfs.SplitLayerPath(l.Path)
		if err != nil {
			return false // whoever opens it tells
		}
		again := asked[repository]
		asked[repository] = true
		return again
	})
}
