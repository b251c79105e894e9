package lookup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/confine"
)

// The process that asks a repository has no use for more than that.
func TestFindConfined(t *testing.T) {
	if !confine.Possible() {
		t.Skip("the race detector links with C")
	}
	root := repo(t)
	publish(t, root, "")
	t.Setenv("SECRET", "none of its business")
	for name, value := range map[string]string{"X509_USER_PROXY": "/job/proxy", "BEARER_TOKEN": "", "BEARER_TOKEN_FILE": "/job/token", "XDG_RUNTIME_DIR": ""} {
		t.Setenv(name, value)
	}
	f := New([]string{root}, time.Minute)
	defer f.Close()
	if _, err := f.Find(context.Background(), layerA, diffA); err != nil {
		t.Fatal(err)
	}
	proc := fmt.Sprintf("/proc/%d", f.repositories[0].asking.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Name:\tcvmfs-lookup", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000004", "CapPrm:\t0000000000000004"} {
		if !strings.Contains(string(status), want+"\n") {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
	want := "X509_USER_PROXY=/job/proxy\x00BEARER_TOKEN_FILE=/job/token\x00" // for CVMFS's helper for secured repositories
	if environment, err := os.ReadFile(proc + "/environ"); err != nil || string(environment) != want {
		t.Errorf("environment %q, %v", environment, err)
	}
}

// A repository that is mounted while it is asked, or mounted anew, is found all the same.
func TestFindRemounted(t *testing.T) {
	root := t.TempDir()
	f := New([]string{root}, time.Minute)
	defer f.Close()
	mounted := func() {
		t.Helper()
		if err := unix.Mount("none", root, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatalf("this test needs root, to mount: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
		want := publish(t, root, "")
		for range 2 {
			if got, err := f.Find(context.Background(), layerA, diffA); err != nil || got.Path != want {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	}
	out := func() {
		t.Helper()
		if _, err := f.Find(context.Background(), layerA, diffA); !errors.Is(err, cvmfs.ErrUnavailable) {
			t.Errorf("got %v, want the repository unavailable", err)
		}
	}
	out()
	mounted()
	if err := unix.Unmount(root, 0); err != nil {
		t.Fatalf("the repository is kept busy: %v", err)
	}
	out()
	mounted()
}
