package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

func TestErrorsCross(t *testing.T) {
	for _, want := range []error{
		cvmfs.ErrLayerUnknown, cvmfs.ErrUnavailable, cvmfs.ErrMismatch, cvmfs.ErrInvalidLayer, cvmfs.ErrClosed, cvmfs.ErrNoLayers, unix.EACCES, fs.ErrClosed,
	} {
		t.Run(want.Error(), func(t *testing.T) {
			doc, err := json.Marshal(NewError(fmt.Errorf("opening %q: %w", "x\n", want)))
			if err != nil {
				t.Fatal(err)
			}
			got := ParseError("helper", doc)
			if got.Error() != fmt.Sprintf("opening %q: %v", "x\n", want) {
				t.Errorf("text %q", got)
			}
			for _, c := range classes {
				if errors.Is(got, c.err) != errors.Is(want, c.err) {
					t.Errorf("is %v: %v", c.err, errors.Is(got, c.err))
				}
			}
		})
	}
	if NewError(nil) != nil {
		t.Error("no error became one")
	}
	if err := ParseError("cvmfs-view", []byte("panic: oops")); !strings.Contains(err.Error(), "oops") {
		t.Errorf("what is not JSON is lost: %v", err)
	}
}

func TestFind(t *testing.T) {
	old := dirs
	t.Cleanup(func() { dirs = old })
	dirs = []string{t.TempDir(), t.TempDir()}
	if _, err := Find("no-such-helper"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dirs[1]) {
		t.Errorf("error %v, want one that names where was looked", err)
	}
	want := filepath.Join(dirs[1], "no-such-helper")
	if err := os.WriteFile(want, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := Find("no-such-helper"); got != want || err != nil {
		t.Errorf("Find = %q, %v", got, err)
	}
}
