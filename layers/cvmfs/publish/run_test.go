package publish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/imagetest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/standin/publisher"
)

// helperEnv makes the test binary publish an image and exit: its value is the
// image and the repository.
const helperEnv = "CVMFS_LAYERS_TEST_PUBLISH"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == publisher.Name {
		os.Exit(publisher.Main(os.Args[1:], os.Stdin, os.Stderr))
	}
	ref, repository, ok := strings.Cut(os.Getenv(helperEnv), " ")
	if !ok {
		os.Exit(m.Run())
	}
	reports, err := run(context.Background(), ref, repository)
	for _, r := range reports {
		fmt.Printf("%s %s %d\n", r.Digest, r.Status, r.Omissions.Devices)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// stalling is a registry that sends half of each layer and then waits.
type stalling struct {
	host    string
	img     string
	layer   imagetest.Layer
	waiting chan struct{} // one value for each layer that waits
	proceed chan struct{} // closed: send the other half
}

func newStalling(t *testing.T) *stalling {
	t.Helper()
	s := &stalling{
		layer:   imagetest.Gzip(t, imagetest.Tar(t, dir("zero", 0), file("zero/f", 0), file("g", 0o644), file("h", 0o644))),
		waiting: make(chan struct{}, 100),
		proceed: make(chan struct{}),
	}
	s.host = imagetest.Registry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, s.layer.ID().String()) {
				h.ServeHTTP(w, r)
				return
			}
			half := len(s.layer.Blob) / 2
			_, _ = w.Write(s.layer.Blob[:half])
			w.(http.Flusher).Flush()
			s.waiting <- struct{}{}
			select {
			case <-s.proceed:
				_, _ = w.Write(s.layer.Blob[half:])
			case <-r.Context().Done():
			}
		})
	})
	s.img = s.host + "/stalling:1"
	imagetest.Push(t, s.img, imagetest.Image(t, "linux/amd64", s.layer))
	return s
}

func stages(t *testing.T, repository string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, ".layers", ".publish-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestKilled kills a run in the middle of a layer, has another one live, and
// lets a third sweep.
func TestKilled(t *testing.T) {
	s := newStalling(t)
	repository := imagetest.TempDir(t)

	killed := exec.Command(os.Args[0])
	killed.Env = append(os.Environ(), helperEnv+"="+s.img+" "+repository)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	<-s.waiting
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	left := stages(t, repository)
	if len(left) != 1 {
		t.Fatalf("the killed run left %q", left)
	}
	if _, err := os.Lstat(layerDir(t, repository, s.layer.ID())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the killed run's layer is there, error %v", err)
	}
	// As if it had been killed a moment later, when modes were set already.
	deny := filepath.Join(left[0], "deny", "below")
	if err := errors.Join(os.MkdirAll(deny, 0o755), os.Chmod(filepath.Dir(deny), 0)); err != nil {
		t.Fatal(err)
	}

	live := make(chan error, 1)
	go func() {
		_, err := run(context.Background(), s.img, repository)
		live <- err
	}()
	<-s.waiting
	now := stages(t, repository)
	if len(now) != 1 || now[0] == left[0] {
		t.Errorf("the killed run's %q is not swept: %q", left, now)
	}
	other := imagetest.Gzip(t, imagetest.Tar(t, file("other", 0o644)))
	mustRun(t, "oci:"+writeLayout(t, imagetest.Image(t, "linux/amd64", other)), repository)
	if after := stages(t, repository); !slices.Equal(after, now) {
		t.Errorf("a live run's staging directory %q: %q", now, after)
	}
	close(s.proceed)
	if err := <-live; err != nil {
		t.Errorf("the live run: %v", err)
	}
	if got := stages(t, repository); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestCancelled(t *testing.T) {
	s := newStalling(t)
	repository := imagetest.TempDir(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := run(ctx, s.img, repository)
		done <- err
	}()
	<-s.waiting
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left := remains(t, repository); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestAtOnce has several runs publish the same image into one repository.
func TestAtOnce(t *testing.T) {
	s := newStalling(t)
	repository := imagetest.TempDir(t)
	const runs = 4
	var mu sync.Mutex
	var group sync.WaitGroup
	status := map[publish.Status]int{}
	for range runs {
		group.Add(1)
		go func() {
			defer group.Done()
			reports, err := run(context.Background(), s.img, repository)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			status[reports[s.layer.ID()].Status]++
		}()
	}
	for range runs {
		<-s.waiting
	}
	close(s.proceed)
	group.Wait()
	if status[publish.Published] != 1 || status[publish.AlreadyThere] != runs-1 {
		t.Errorf("of %d runs: %v", runs, status)
	}
	if got := stages(t, repository); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

// TestTwoAtATime watches how many layers are asked for together.
func TestTwoAtATime(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	host := imagetest.Registry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
				defer func() { mu.Lock(); now--; mu.Unlock() }()
			}
			h.ServeHTTP(w, r)
		})
	})
	img := imagetest.Image(t, "linux/amd64")
	for i := range 5 {
		img = imagetest.Append(t, img, imagetest.Gzip(t, imagetest.Tar(t, file(fmt.Sprint(i), 0o644))))
	}
	imagetest.Push(t, host+"/five:1", img)
	mustRun(t, host+"/five:1", imagetest.TempDir(t))
	if most != 2 {
		t.Errorf("%d layers at a time, want 2", most)
	}
}

// TestPlainUser publishes with no privilege, the sweep included.
func TestPlainUser(t *testing.T) {
	const uid = 54321
	base, err := os.MkdirTemp("", "publish-") // unlike t.TempDir, one that others may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	binary, repository := filepath.Join(base, "test"), filepath.Join(base, "repository")
	if err := errors.Join(os.Chmod(base, 0o755), copyFile(binary, os.Args[0]), os.MkdirAll(filepath.Join(repository, ".layers", ".publish-dead", "deny", "below"), 0o755),
		os.Chmod(filepath.Join(repository, ".layers", ".publish-dead", "deny"), 0)); err != nil {
		t.Fatal(err)
	}
	s := newStalling(t)
	close(s.proceed)
	null := imagetest.Dir("null", 0o666)
	null.Typeflag, null.Devmajor, null.Devminor = '3', 1, 3
	l := imagetest.Gzip(t, imagetest.Tar(t, dir(".", 0o555), dir("ro", 0o500), file("ro/su", 0o6755), null))
	img := imagetest.Image(t, "linux/amd64", s.layer, l)
	imagetest.Push(t, s.host+"/user:1", img)

	cmd := exec.Command(binary)
	cmd.Dir = base
	cmd.Env = append(os.Environ(), helperEnv+"="+s.host+"/user:1 "+repository, "HOME="+base)
	cmd.Stderr = os.Stderr
	if os.Geteuid() == 0 {
		for _, path := range []string{repository, ".layers", ".layers/.publish-dead", ".layers/.publish-dead/deny", ".layers/.publish-dead/deny/below"} {
			if path != repository {
				path = filepath.Join(repository, path)
			}
			if err := os.Chown(path, uid, uid); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := l.ID().String() + " published 1\n"; !strings.Contains(string(out), want) {
		t.Errorf("output %q, want %q in it", out, want)
	}
	want := []string{"d0555 .", "-0664 .cvmfscatalog", "d0500 ro", "-6755 ro/su"}
	if got := imagetest.Tree(t, filepath.Join(layerDir(t, repository, l.ID()), "layerfs")); !slices.Equal(got, want) {
		t.Errorf("layer is %q, want %q", got, want)
	}
	if got := stages(t, repository); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}
