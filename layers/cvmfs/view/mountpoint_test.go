package view

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// holdIn makes this binary a process that uses a mount point below that directory
// until it is killed, and churnIn one that makes and removes them.
const (
	holdIn  = "CVMFS_VIEW_TEST_HOLD"
	churnIn = "CVMFS_VIEW_TEST_CHURN"
)

func init() {
	var err error
	switch {
	case os.Getenv(holdIn) != "":
		var at *Mountpoint
		if at, err = mounted(os.Getenv(holdIn)); err == nil {
			fmt.Println(at.Dir)
			select {}
		}
	case os.Getenv(churnIn) != "":
		err = churn(os.Getenv(churnIn), 150)
	default:
		return
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// mounted makes a mount point and mounts something on it.
func mounted(base string) (*Mountpoint, error) {
	at, err := MakeMountpoint(base)
	if err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", at.Dir, "tmpfs", 0, ""); err != nil {
		return nil, fmt.Errorf("mounting on %q: %w", at.Dir, err)
	}
	at.mounted = true
	return at, nil
}

// churn makes mount points, uses and removes them.
func churn(base string, times int) error {
	for range times {
		at, err := mounted(base)
		if err != nil {
			return err
		}
		name := filepath.Join(at.Dir, "used")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("what is mounted went away while it was used: %w", err)
		}
		if err := at.Release(); err != nil {
			return err
		}
	}
	return nil
}

// Any number of processes, each with threads, make and remove mount points below one
// directory, which comes and goes with them. Some are killed meanwhile.
func TestMountpointStress(t *testing.T) {
	base := filepath.Join(t.TempDir(), "layer", "views")
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(2)
		go func() {
			defer wg.Done()
			if err := churn(base, 150); err != nil {
				t.Error(err)
			}
		}()
		go func() {
			defer wg.Done()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), churnIn+"="+base)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("another process: %v: %s", err, out)
			}
		}()
	}
	for range 10 {
		holder, _ := hold(t, base)
		kill(t, holder)
	}
	wg.Wait()
	at, err := MakeMountpoint(base)
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(base); !errors.Is(err, fs.ErrNotExist) {
		left, _ := os.ReadDir(base)
		t.Errorf("left: %v, %v", left, err)
	}
}

// What a killed process left is swept away, and what a living one uses is not,
// whatever process ID it has.
func TestMountpointSweeps(t *testing.T) {
	base := filepath.Join(t.TempDir(), "views")
	killed, left := hold(t, base)
	_, used := hold(t, base)
	kill(t, killed)
	for range 2 {
		at, err := mounted(base)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Dir(left)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what a killed process left is still there: %v", err)
		}
		if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || !strings.Contains(string(mounts), " "+used+" ") {
			t.Errorf("what is used is not mounted any more: %v", err)
		}
		for range 2 { // the second has nothing to do
			if err := at.Release(); err != nil {
				t.Error(err)
			}
		}
	}
}

// hold starts a process that uses a mount point, and tells where.
func hold(t *testing.T, base string) (holder *exec.Cmd, dir string) {
	t.Helper()
	holder = exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdIn+"="+base)
	out, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	t.Cleanup(func() {
		_, _ = holder.Process.Kill(), holder.Wait()
		_ = unix.Unmount(strings.TrimSpace(line), unix.MNT_DETACH)
	})
	if err != nil || !filepath.IsAbs(line) {
		t.Fatalf("%q, %v", line, err)
	}
	return holder, strings.TrimSpace(line)
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
}
