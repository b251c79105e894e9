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
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// keepFor is how long a process that has opened layers waits for a mount of them.
// Who awaits a container's layers mounts them next; if not, nothing is lost.
const keepFor = 3 * time.Second

// kept are the processes that wait, the newest last.
var kept struct {
	sync.Mutex
	list []*waiting
}

type waiting struct {
	*process
	layers []spec.Layer
}

// Await waits until the layers can be opened, in a process that can be left
// behind, for as long as Stack would with that timeout. To mount a view takes locks
// that others wait for, such as whoever lists images: who asks first, without the
// locks, then takes them only for a repository that answers. The next view of these
// very layers is served by that process, which has them open, if it comes soon.
// The errors are Stack's, and os.ErrDeadlineExceeded too where there was no answer.
func Await(layers []spec.Layer, timeout time.Duration) error {
	p, err := await(layers, timeout, true)
	if err != nil || p.conn == nil || p.cmd == nil {
		p.close()
		return err
	}
	keep(&waiting{p, layers})
	return nil
}

// AwaitOne is Await for layers that are mounted already. It asks for the first of
// each repository, which is enough to learn whether the repositories answer.
func AwaitOne(layers []spec.Layer, timeout time.Duration) error {
	p, err := await(oneOfEach(layers), timeout, false)
	p.close()
	return err
}

// await gives a process that has opened the layers, with a connection if it is to
// serve them; without layers, or where no program is installed to do so, one that has
// not been started.
func await(layers []spec.Layer, timeout time.Duration, serves bool) (*process, error) {
	p := &process{}
	if len(layers) == 0 {
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
		err = p.tell(spec.Spec{Layers: layers, Timeout: timeout})
	}
	return p, err
}

func keep(w *waiting) {
	kept.Lock()
	defer kept.Unlock()
	kept.list = append(kept.list, w)
	time.AfterFunc(keepFor, func() {
		if drop(func(other *waiting) bool { return other == w }) != nil {
			w.close()
		}
	})
}

// take gives the process that waits for a mount of these layers; nil if there is none.
func take(layers []spec.Layer) *process {
	w := drop(func(w *waiting) bool { return reflect.DeepEqual(w.layers, layers) })
	if w == nil {
		return nil
	}
	return w.process
}

// drop takes the newest that fits out of the list.
func drop(fits func(*waiting) bool) *waiting {
	kept.Lock()
	defer kept.Unlock()
	for i := len(kept.list) - 1; i >= 0; i-- {
		if w := kept.list[i]; fits(w) {
			kept.list = slices.Delete(kept.list, i, i+1)
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
