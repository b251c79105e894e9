package lookup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

func TestStates(t *testing.T) {
	good, plain, empty := repo(t), repo(t), t.TempDir()
	for attr, value := range map[string]string{"user.fqrn": "unpacked.example.org", "user.revision": "7", "user.root_hash": "abc"} {
		if err := unix.Setxattr(good, attr, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	odd := repo(t)
	if err := os.RemoveAll(filepath.Join(odd, cvmfs.LayersDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(odd, cvmfs.LayersDir)); err != nil {
		t.Fatal(err)
	}
	paths := []string{good, "/nonexistent", plain, mountSilent(t), empty, odd}
	start := time.Now()
	states := States(context.Background(), paths, 300*time.Millisecond)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	for i, s := range states {
		if s.Path != paths[i] {
			t.Errorf("state %d is of %q, not of %q", i, s.Path, paths[i])
		}
		if well := i == 0 || i == 2; well != (s.Err == nil) || !well && (!errors.Is(s.Err, cvmfs.ErrUnavailable) || !strings.Contains(s.Err.Error(), paths[i])) {
			t.Errorf("%q: %v", s.Path, s.Err)
		}
	}
	want := cvmfs.Identity{Repository: "unpacked.example.org", Revision: 7, RootHash: "abc"}
	if states[0].Identity != want || states[2].Identity != (cvmfs.Identity{}) {
		t.Errorf("identities %+v and %+v", states[0].Identity, states[2].Identity)
	}
	if got := States(context.Background(), nil, time.Second); len(got) != 0 {
		t.Errorf("of no repository: %v", got)
	}
}
