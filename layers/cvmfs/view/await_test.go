package view

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

func TestAwait(t *testing.T) {
	dropKept(t)
	there, changed := tree(t, "file=1"), tree(t, "file=1")
	changed.CatalogHash = "recorded"
	gone := spec.Layer{Path: layerPath(t.TempDir(), "gone")}
	for _, tc := range []struct {
		layers []spec.Layer
		want   error
	}{
		{nil, nil},
		{[]spec.Layer{there, there}, nil},
		{[]spec.Layer{there, changed}, cvmfs.ErrMismatch},
		{[]spec.Layer{there, gone}, cvmfs.ErrUnavailable},
	} {
		if err := Await(tc.layers, 0, 0); !errors.Is(err, tc.want) {
			t.Errorf("%d layers: got %v, want %v", len(tc.layers), err, tc.want)
		}
	}
}

// dropKept ends all processes that wait, at the end of a test.
func dropKept(t *testing.T) {
	t.Cleanup(func() {
		for _, k := range []*waitingList{&prepared, &kept} {
			for w := k.drop(all); w != nil; w = k.drop(all) {
				<-w.opened
				w.close()
			}
		}
	})
}

func all(*waiting) bool { return true }

// What has been prepared is what is awaited, once; an error is told to who waits for
// it, and who comes later asks anew.
func TestPrepare(t *testing.T) {
	dropKept(t)
	layers := []spec.Layer{tree(t, "file=1")}
	Prepare(nil, 0)
	Prepare(layers, 0)
	w := prepared.list[0]
	for _, again := range []bool{false, true} {
		if err := Await(layers, 0, 0); err != nil {
			t.Fatal(err)
		}
		if taken := kept.drop(all); (taken == w) == again {
			t.Errorf("awaited again: %v, and got what was prepared: %v", again, taken == w)
		} else {
			taken.close()
		}
	}
	missing := []spec.Layer{{Path: layerPath(t.TempDir(), "gone")}}
	Prepare(missing, 0)
	if err := Await(missing, 0, 0); !errors.Is(err, cvmfs.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, cvmfs.ErrUnavailable)
	}
	Prepare(missing, 0)
	for begun := time.Now(); prepared.len() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("what could not be opened is kept for who comes later")
		}
	}
}

func (k *waitingList) len() int {
	k.Lock()
	defer k.Unlock()
	return len(k.list)
}

// The process that has opened the layers serves them, those and no others, once.
func TestAwaitThenServe(t *testing.T) {
	dropKept(t)
	layer, other := tree(t, "file=1"), tree(t, "file=2")
	layers := []spec.Layer{layer, other}
	if err := Await(layers, 0, 0); err != nil {
		t.Fatal(err)
	}
	pid := kept.list[0].cmd.Process.Pid
	same := kept.list[0].spec.NoDevices
	for _, tc := range []struct {
		layers    []spec.Layer
		below     []string
		noDevices bool
		taken     bool
	}{
		{[]spec.Layer{other, layer}, nil, same, false},
		{[]spec.Layer{layer}, nil, same, false},
		{layers, []string{t.TempDir()}, same, false},
		{layers, nil, !same, false},
		{layers, nil, same, true},
		{layers, nil, same, false},
	} {
		at := mountpoint(t)
		if err := serve(spec.Spec{Layers: tc.layers, Below: tc.below, NoDevices: tc.noDevices}, at); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(at.Dir, "file")); err != nil || len(got) != 1 {
			t.Errorf("%d layers: got %q, %v", len(tc.layers), got, err)
		}
		if taken := len(kept.list) == 0 && pid != 0; taken != tc.taken {
			t.Errorf("%d layers: by the process that waits: %v, want %v", len(tc.layers), taken, tc.taken)
		} else if taken {
			pid = 0
		}
	}
}

// A process that waits and is no more is not missed.
func TestAwaitThenKilled(t *testing.T) {
	dropKept(t)
	layers := []spec.Layer{tree(t, "file=1")}
	if err := Await(layers, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := kept.list[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	at := mountpoint(t)
	if err := serve(kept.list[0].spec, at); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(at.Dir, "file")); err != nil {
		t.Error(err)
	}
}

func TestAwaitOne(t *testing.T) {
	path := func(repository, name string) spec.Layer { return spec.Layer{Path: layerPath(repository, name)} }
	a, b, odd := path("/a", "1"), path("/b", "2"), spec.Layer{Path: "/a"}
	layers := []spec.Layer{a, path("/a", "2"), odd, b, path("/b", "1"), path("/a", "3")}
	if got, want := oneOfEach(layers), []spec.Layer{a, odd, b}; !slices.EqualFunc(got, want, func(x, y spec.Layer) bool { return x.Path == y.Path }) {
		t.Errorf("got %v, want %v", got, want)
	}
	if there := tree(t, "file=1"); AwaitOne([]spec.Layer{there, there}, 0) != nil || len(kept.list) > 0 {
		t.Errorf("processes that wait: %d", len(kept.list))
	}
	if err := AwaitOne([]spec.Layer{{Path: layerPath(t.TempDir(), "gone")}}, 0); !errors.Is(err, cvmfs.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, cvmfs.ErrUnavailable)
	}
	if len(layers) != 6 || layers[1].Path == layers[2].Path {
		t.Errorf("the caller's layers are changed: %v", layers)
	}
}
