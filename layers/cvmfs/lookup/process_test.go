package lookup

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
)

const hungEnv = "LOOKUP_TEST_HUNG"

// TestFindAndExit is the program that TestExitBesideHungRepository starts.
func TestFindAndExit(t *testing.T) {
	hung := os.Getenv(hungEnv)
	if hung == "" {
		return
	}
	_, err := New([]string{hung}, 200*time.Millisecond).Find(context.Background(), layerA, diffA)
	if !errors.Is(err, cvmfs.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// A program that has asked a hung repository ends, and whoever reads its
// output does not wait for anything else. In the hung system call itself that
// would be impossible.
func TestExitBesideHungRepository(t *testing.T) {
	hung := mountSilent(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run", "^TestFindAndExit$", "-test.v")
	cmd.Env = append(os.Environ(), hungEnv+"="+hung)
	start := time.Now()
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: TestFindAndExit") {
		t.Fatalf("%v\n%s", err, output)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

func TestFindAfterProcessEnds(t *testing.T) {
	root := repo(t)
	layerfs := publish(t, root, "")
	f := New([]string{root}, time.Minute)
	find := func() {
		t.Helper()
		if got, err := f.Find(context.Background(), layerA, diffA); err != nil || got.Path != layerfs {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	find()
	r := f.repositories[0]
	p := r.asking
	// Stopped, it answers nothing; killed then, it fails the question that waits.
	if err := p.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waits := p.put(layerA, diffA)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if a := <-waits; !errors.Is(a.err, cvmfs.ErrUnavailable) || !strings.Contains(a.err.Error(), root) {
		t.Errorf("got %v, want the repository unavailable", a.err)
	}
	if a := <-p.put(layerA, diffA); !errors.Is(a.err, cvmfs.ErrUnavailable) {
		t.Errorf("got %v from a process that has ended", a.err)
	}
	find() // with another process
	f.Close()
	find()
	f.Close()
}

// The first look-up asks the process that is there already, and Close ends one that was asked nothing.
func TestStart(t *testing.T) {
	root := repo(t)
	publish(t, root, "")
	f := New([]string{root, t.TempDir()}, time.Minute)
	f.Start()
	started := f.repositories[0].asking
	if started == nil || f.repositories[1].asking != nil {
		t.Fatalf("started: %v, %v", started, f.repositories[1].asking)
	}
	if _, err := f.Find(context.Background(), layerA, diffA); err != nil || f.repositories[0].asking != started {
		t.Errorf("another process was asked: %v", err)
	}
	f.Close()
	f.Start()
	idle := f.repositories[0].asking
	f.Close()
	for deadline := time.Now().Add(20 * time.Second); !idle.ended(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process that was asked nothing stays")
		}
	}
	New(nil, time.Minute).Start()
}
