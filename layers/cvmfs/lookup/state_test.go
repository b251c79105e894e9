package lookup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
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
	states := States(context.Background(), paths, 3*time.Second, "")
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
	if got := States(context.Background(), nil, time.Second, ""); len(got) != 0 {
		t.Errorf("of no repository: %v", got)
	}
}

// However often somebody asks how a repository is that hangs, one process waits
// for the answer, and the answer comes when it does not hang any more.
func TestStatesAskOnce(t *testing.T) {
	hung, well, locks := mountSilent(t), repo(t), t.TempDir()
	before := children(t)
	for range 5 {
		states := States(context.Background(), []string{hung, well}, 2*time.Second, locks)
		if !errors.Is(states[0].Err, cvmfs.ErrUnavailable) || states[1].Err != nil {
			t.Fatalf("states %+v", states)
		}
	}
	// those that have been answered end soon
	for end := time.Now().Add(time.Minute); children(t) != before+1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d processes, there were %d before", children(t), before)
		}
	}
	if _, err := takeLock(context.Background(), filepath.Join(locks, "missing"), hung, time.Second); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

// children counts this process's children. Of one that was killed and cannot
// end, this is all that can be told.
func children(t *testing.T) (count int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stat, _ := os.ReadFile(file) // it may have gone
		_, fields, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(fields); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			count++
		}
	}
	return count
}
