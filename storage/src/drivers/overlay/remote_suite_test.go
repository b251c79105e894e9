//go:build linux

package overlay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/publish/unpack"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/drivers/graphtest"
	"go.podman.io/storage/pkg/idtools"
	"go.podman.io/storage/pkg/mount"
)

const remoteDriverName = driverName + "-remote"

func init() {
	graphdriver.MustRegister(remoteDriverName, func(home string, options graphdriver.Options) (graphdriver.Driver, error) {
		d, err := Init(home, options)
		if err != nil {
			return nil, err
		}
		return &remoteDriver{d.(*Driver), filepath.Join(options.RunRoot, "repository"), map[string]string{}}, nil
	})
}

// remoteDriver makes a layer remote as soon as it is complete: when a diff was
// applied to it, or another layer is put on top of it.
type remoteDriver struct {
	*Driver
	repository string
	parents    map[string]string
}

func (d *remoteDriver) Create(id, parent string, opts *graphdriver.CreateOpts) error {
	return d.created(id, parent, func() error { return d.Driver.Create(id, parent, opts) })
}

func (d *remoteDriver) CreateReadWrite(id, parent string, opts *graphdriver.CreateOpts) error {
	return d.created(id, parent, func() error { return d.Driver.CreateReadWrite(id, parent, opts) })
}

func (d *remoteDriver) created(id, parent string, create func() error) error {
	if err := d.publish(parent); err != nil {
		return err
	}
	d.parents[id] = parent
	return create()
}

func (d *remoteDriver) CreateFromTemplate(id, template string, templateMaps *idtools.IDMappings, parent string, parentMaps *idtools.IDMappings, opts *graphdriver.CreateOpts, readWrite bool) error {
	return d.created(id, parent, func() error {
		return d.Driver.CreateFromTemplate(id, template, templateMaps, parent, parentMaps, opts, readWrite)
	})
}

// applied makes a layer remote after ApplyDiff, and returns what that has.
func (d *remoteDriver) applied(id string, size int64, err error) (int64, error) {
	if err == nil {
		err = d.publish(id)
	}
	return size, err
}

// Put lets a layer go that was mounted before it was made remote, and not since. Of one
// that is not mounted any more no servers are noted.
func (d *remoteDriver) Put(id string) error {
	err := d.Driver.Put(id)
	if there, err2 := mount.Mounted(filepath.Join(d.mountBase(id), "merged")); err2 == nil && !there && d.RemoteServers(id) != nil {
		return fmt.Errorf("layer %q is not mounted, and its servers are noted", id)
	}
	if layer, err2 := d.RemoteLayer(id); err2 == nil && layer != nil && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// publish moves what a layer holds into the repository.
func (d *remoteDriver) publish(id string) (retErr error) {
	if id == "" {
		return nil
	}
	if layer, err := d.RemoteLayer(id); err != nil || layer != nil {
		return err
	}
	dir, err := cvmfs.LayerDir(digest.FromString(id))
	if err != nil {
		return err
	}
	path := filepath.Join(d.repository, dir, cvmfs.LayerFS)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	diff, err := d.Diff(id, nil, d.parents[id], nil, "")
	if err != nil {
		return err
	}
	_, err = unpack.Tar(context.Background(), diff, path)
	if _, err2 := io.Copy(io.Discard, diff); err == nil {
		err = err2
	}
	if err2 := diff.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return fmt.Errorf("publishing %q: %w", id, err)
	}
	if err := d.Driver.Remove(id); err != nil {
		return err
	}
	return d.CreateRemote(id, d.parents[id], cvmfs.Layer{Path: path})
}

// published lets what a layer loses on its way into a repository be lost: the
// owner of the suite's directory, as a repository shows one for all, and the mode
// of the layer's root, which is its parent's, as after any pull.
type published struct {
	testing.TB
	lost int
}

var isLost = regexp.MustCompile(`(?s)expected: 0x([12]\s+actual *: 0x0\s.*/merged/a subdir|1c9\s+actual *: 0x16d\s.*/merged)\s*$`)

func (t *published) Errorf(format string, args ...any) {
	if isLost.MatchString(fmt.Sprintf(format, args...)) {
		t.lost++
		return
	}
	t.TB.Errorf(format, args...)
}

// The suite that every driver passes, with each layer remote that is not
// written to.
func TestRemoteSuite(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// where helper.Find looks first
	server := exec.Command("go", "build", "-o", filepath.Join(filepath.Dir(exe), helper.View), "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/cmd/"+helper.View)
	server.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := server.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conf := filepath.Join(t.TempDir(), "cvmfs.conf")
	if err := os.WriteFile(conf, []byte("setuid = true\n"), 0o644); err != nil { // the suite's files have these bits
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_CVMFS_CONF", conf)
	for _, test := range []struct {
		name string
		run  func(testing.TB, string, ...string)
		lost int // a directory's user and its group, a root's mode
	}{
		{"CreateEmpty", graphtest.DriverTestCreateEmpty, 0},
		{"CreateBase", graphtest.DriverTestCreateBase, 0},
		{"CreateSnap", graphtest.DriverTestCreateSnap, 5},
		{"CreateFromTemplate", graphtest.DriverTestCreateFromTemplate, 2},
		{"128LayerRead", func(t testing.TB, name string, options ...string) {
			graphtest.DriverTestDeepLayerRead(t, 128, name, options...)
		}, 0},
		{"DiffApply10Files", func(t testing.TB, name string, options ...string) {
			graphtest.DriverTestDiffApply(t, 10, name, options...)
		}, 0},
		{"Changes", graphtest.DriverTestChanges, 0},
		{"Echo", graphtest.DriverTestEcho, 0},
		{"ListLayers", graphtest.DriverTestListLayers, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &published{TB: t}
			test.run(p, remoteDriverName)
			if p.lost != test.lost {
				t.Errorf("%d owners and modes are lost, want %d", p.lost, test.lost)
			}
		})
	}
}
