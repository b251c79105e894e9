package storage

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/helper"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/pull"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"
	"go.podman.io/storage/pkg/reexec"
	"go.podman.io/storage/types"
)

func TestMain(m *testing.M) {
	if reexec.Init() { // layers are unpacked by a child process
		return
	}
	os.Exit(m.Run())
}

func remoteStore(t *testing.T, options ...string) *store {
	t.Helper()
	wd := t.TempDir()
	s, err := GetStore(StoreOptions{
		RunRoot:            filepath.Join(wd, "run"),
		GraphRoot:          filepath.Join(wd, "root"),
		GraphDriverName:    "overlay",
		GraphDriverOptions: append([]string{"overlay.skip_mount_home=true"}, options...),
	})
	require.NoError(t, err)
	t.Cleanup(s.Free)
	return s.(*store)
}

// reopen is the same store as a process sees it that starts now.
func reopen(t *testing.T, s *store) *store {
	t.Helper()
	storesLock.Lock()
	stores = nil
	storesLock.Unlock()
	again, err := GetStore(StoreOptions{
		RunRoot: s.runRoot, GraphRoot: s.graphRoot, GraphDriverName: "overlay", GraphDriverOptions: s.graphOptions,
	})
	require.NoError(t, err)
	return again.(*store)
}

func remoteAnswer(name string, size int64) (*pull.Answer, digest.Digest) {
	d := digest.FromString(name)
	dir, err := cvmfs.LayerDir(d)
	if err != nil {
		panic(err)
	}
	return &pull.Answer{
		Layer: cvmfs.Layer{
			Path: "/cvmfs/unpacked.example.org/" + dir + "/layerfs", DiffSize: size,
			Identity: cvmfs.Identity{Repository: "unpacked.example.org", Revision: 3, CatalogHash: "c0ffee"},
		},
		DiffID: digest.FromString(name + " uncompressed"),
	}, d
}

// putRemote puts one remote layer. The error is ErrDuplicateID if there was one.
func putRemote(s Store, id, parent string, found *pull.Answer, d digest.Digest, size int64) (*Layer, error) {
	if id == "" {
		id = found.DiffID.Encoded()
	}
	created, err := s.PutRemoteLayers(parent, []RemoteLayer{{ID: id, Found: found, Digest: d, Size: size}})
	if err != nil {
		return nil, err
	}
	layer, err := s.Layer(id)
	if err == nil && len(created) == 0 {
		err = ErrDuplicateID
	}
	return layer, err
}

// notFoundByDigest: nobody has compared contents with these digests, so nobody is given the contents for them.
func notFoundByDigest(t *testing.T, s Store, digests ...digest.Digest) {
	t.Helper()
	for _, d := range digests {
		for _, look := range []func(digest.Digest) ([]Layer, error){s.LayersByCompressedDigest, s.LayersByUncompressedDigest} {
			layers, err := look(d)
			if err == nil {
				assert.Empty(t, layers)
			} else {
				assert.ErrorIs(t, err, ErrLayerUnknown)
			}
		}
	}
}

func TestPutRemoteLayer(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	base, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	other, d2 := remoteAnswer("top", -1)
	other.MediaType = "application/vnd.oci.image.layer.v1.tar+zstd"
	top, err := putRemote(s, "", base.ID, other, d2, 200)
	require.NoError(t, err)

	s = reopen(t, s)
	for id, want := range map[string]struct {
		parent string
		size   int64
		found  *pull.Answer
	}{base.ID: {"", 1000, found}, top.ID: {base.ID, 200, other}} {
		layer, err := s.Layer(id)
		require.NoError(t, err)
		assert.Equal(t, LayerKindRemoteReadonly, layer.Kind)
		assert.Equal(t, want.found.Layer.Path, layer.RemotePath)
		assert.Equal(t, &want.found.Layer.Identity, layer.RemoteIdentity)
		assert.Equal(t, want.parent, layer.Parent)
		assert.Equal(t, want.size, layer.UncompressedSize)
		assert.Equal(t, want.found.DiffID, layer.RemoteDiffID)
		assert.False(t, layerHasIncompleteFlag(layer))
		assert.Equal(t, id == top.ID, layer.CompressionType == archive.Zstd)
	}
	notFoundByDigest(t, s, found.DiffID, d)

	_, err = putRemote(s, base.ID, "", found, d, 100)
	assert.ErrorIs(t, err, ErrDuplicateID)
	_, err = s.Diff("", base.ID, nil)
	assert.ErrorContains(t, err, "--cvmfs=off")

	require.NoError(t, s.DeleteLayer(top.ID))
	require.NoError(t, s.DeleteLayer(base.ID))
	_, err = s.Layer(base.ID)
	assert.ErrorIs(t, err, ErrLayerUnknown)
}

// remoteRun is a run of layers of an image, base first.
func remoteRun(names ...string) []RemoteLayer {
	var layers []RemoteLayer
	for _, name := range names {
		found, d := remoteAnswer(name, 1000)
		layers = append(layers, RemoteLayer{ID: found.DiffID.Encoded(), Found: found, Digest: d, Size: 100})
	}
	return layers
}

// Layers that are put together are all there afterwards, or those that were before.
func TestPutRemoteLayers(t *testing.T) {
	s := remoteStore(t)
	run := remoteRun("base", "middle", "top", "other top")
	created, err := s.PutRemoteLayers("", run[:2])
	require.NoError(t, err)
	assert.Equal(t, []string{run[0].ID, run[1].ID}, created)

	bad := append([]RemoteLayer{}, run[:3]...)
	other := *run[3].Found
	other.Layer.Path = "/not/in/a/repository"
	bad = append(bad, RemoteLayer{ID: run[3].ID, Found: &other, Digest: run[3].Digest, Size: 100})
	created, err = s.PutRemoteLayers("", bad)
	assert.ErrorContains(t, err, "/not/in/a/repository")
	assert.Empty(t, created)
	layers, err := reopen(t, s).Layers()
	require.NoError(t, err)
	assert.Len(t, layers, 2)
	assert.NoDirExists(t, filepath.Join(s.graphRoot, "overlay", run[2].ID))

	created, err = s.PutRemoteLayers("", run[:3])
	require.NoError(t, err)
	assert.Equal(t, []string{run[2].ID}, created)
	s = reopen(t, s)
	parent := ""
	for _, put := range run[:3] {
		layer, err := s.Layer(put.ID)
		require.NoError(t, err)
		assert.Equal(t, parent, layer.Parent)
		assert.Equal(t, put.Found.Layer.Path, layer.RemotePath)
		assert.False(t, layerHasIncompleteFlag(layer))
		parent = layer.ID
	}
	created, err = s.PutRemoteLayers(run[2].ID, run[3:])
	require.NoError(t, err)
	assert.Equal(t, []string{run[3].ID}, created)
	created, err = s.PutRemoteLayers("nothing", remoteRun("new"))
	assert.ErrorIs(t, err, ErrLayerUnknown)
	assert.Empty(t, created)
}

// A process killed while it puts layers leaves none of them.
func TestPutRemoteLayersKilled(t *testing.T) {
	s := remoteStore(t)
	run := remoteRun("base", "second", "third", "fourth", "top")
	rlstore, err := s.getLayerStore()
	require.NoError(t, err)
	require.NoError(t, rlstore.startWriting())
	require.NoError(t, rlstore.(*layerStore).saveRemoteIncomplete(run))
	parent := ""
	for _, put := range run[:4] {
		require.NoError(t, rlstore.(*layerStore).createRemote(put.ID, parent, &remoteLayer{layer: put.Found.Layer}))
		parent = put.ID
	}
	rlstore.stopWriting()
	s = reopen(t, s)
	layers, err := s.Layers()
	require.NoError(t, err)
	assert.Empty(t, layers)
	for _, put := range run {
		assert.NoDirExists(t, filepath.Join(s.graphRoot, "overlay", put.ID))
	}
	created, err := s.PutRemoteLayers("", run)
	require.NoError(t, err)
	assert.Len(t, created, len(run))
}

// A process killed after any step of creating the layer leaves a store that
// opens without it.
func TestRemoteLayerIncomplete(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	layer, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	dir := filepath.Join(s.graphRoot, "overlay", layer.ID)
	for _, lost := range []string{"", "link", "remote", "empty"} {
		if lost != "" {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, lost)))
		}
		rewriteLayers(t, s, func(record map[string]any) {
			record["flags"].(map[string]any)[incompleteFlag] = true
		})
		s = reopen(t, s)
		layers, err := s.Layers()
		require.NoError(t, err)
		assert.Empty(t, layers)
		assert.NoDirExists(t, dir)
		_, err = putRemote(s, layer.ID, "", found, d, 100)
		require.NoError(t, err, "after losing %q", lost)
	}
}

// rewriteLayers changes each record in layers.json as another process would.
func rewriteLayers(t *testing.T, s *store, change func(record map[string]any)) {
	t.Helper()
	file := filepath.Join(s.graphRoot, "overlay-layers", "layers.json")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var records []map[string]any
	require.NoError(t, json.Unmarshal(data, &records))
	require.NotEmpty(t, records)
	for _, record := range records {
		change(record)
	}
	data, err = json.Marshal(records)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o600))
}

func TestNewRemoteLayerPull(t *testing.T) {
	t.Setenv("CONTAINERS_CVMFS_CONF", "/dev/null")
	s := remoteStore(t, "overlay.cvmfs_pull=only", "overlay.cvmfs_repositories=/none")
	for mode, want := range map[string]string{"": "only", "auto": "auto", "off": "off"} {
		p, err := s.NewRemoteLayerPull(mode)
		require.NoError(t, err)
		assert.Equal(t, want, string(p.Mode()))
	}
	_, err := s.NewRemoteLayerPull("sometimes")
	assert.ErrorContains(t, err, "sometimes")
}

func TestRemoteLayerConfig(t *testing.T) {
	t.Setenv("CONTAINERS_CVMFS_CONF", "/dev/null")
	conf, err := remoteStore(t, "overlay.cvmfs_pull=only", "overlay.cvmfs_repositories=/none,/nowhere").RemoteLayerConfig()
	require.NoError(t, err)
	assert.Equal(t, config.Only, conf.Pull)
	assert.Equal(t, []string{"/none", "/nowhere"}, conf.Repositories)

	wd := t.TempDir()
	s, err := GetStore(StoreOptions{RunRoot: filepath.Join(wd, "run"), GraphRoot: filepath.Join(wd, "root"), GraphDriverName: "vfs"})
	require.NoError(t, err)
	defer s.Free()
	_, err = s.RemoteLayerConfig()
	assert.ErrorIs(t, err, drivers.ErrNotSupported)
	for mode, want := range map[string]bool{"": true, "off": true, "auto": false, "only": false} {
		_, err := s.NewRemoteLayerPull(mode)
		assert.Equal(t, want, err == nil, "mode %q: %v", mode, err)
	}
}

// A library without remote layers keeps flags, and drops fields that it does not know.
func TestRecoverRemoteLayer(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	want, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	rewriteLayers(t, s, func(record map[string]any) {
		for _, field := range []string{"kind", "remote-path", "remote-identity", "remote-diff-id", "remote-digest"} {
			require.Contains(t, record, field)
			delete(record, field)
		}
	})
	got, err := reopen(t, s).Layer(want.ID)
	require.NoError(t, err)
	assert.Equal(t, want.RemoteLayerRecord, got.RemoteLayerRecord)
	rewriteLayers(t, s, func(record map[string]any) {
		assert.Equal(t, want.RemotePath, record["remote-path"], "what was recovered is saved")
	})
}

// Earlier versions recorded what an image claims as if it had been computed.
func TestEarlierRemoteLayer(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	want, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	for _, kept := range []bool{true, false} { // by a library without remote layers
		rewriteLayers(t, s, func(record map[string]any) {
			record["diff-digest"], record["compressed-diff-digest"] = found.DiffID, d
			record["flags"] = map[string]any{remoteFlag: true}
			for _, field := range []string{"kind", "remote-path", "remote-identity", "remote-diff-id", "remote-digest"} {
				if !kept || strings.HasSuffix(field, "-diff-id") || strings.HasSuffix(field, "-digest") {
					delete(record, field)
				}
			}
		})
		s = reopen(t, s)
		notFoundByDigest(t, s, found.DiffID, d)
		got, err := s.Layer(want.ID)
		require.NoError(t, err)
		assert.Equal(t, want.RemoteLayerRecord, got.RemoteLayerRecord)
		assert.Equal(t, want.Flags, got.Flags)
		rewriteLayers(t, s, func(record map[string]any) {
			assert.NotContains(t, record, "diff-digest", "what was separated is saved")
		})
	}
}

func TestPutRemoteLayerAgain(t *testing.T) {
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	layer, err := putRemote(s, "base", "", found, d, 100)
	require.NoError(t, err)
	moved := *found
	moved.Layer.Path = strings.Replace(found.Layer.Path, "/cvmfs/", "/mnt/cvmfs/", 1)
	moved.Layer.Revision, moved.Layer.CatalogHash = 4, "beef"
	again, err := putRemote(s, "base", "", &moved, d, 100)
	require.ErrorIs(t, err, ErrDuplicateID)
	assert.Equal(t, moved.Layer.Path, again.RemotePath)
	s = reopen(t, s)
	got, err := s.Layer(layer.ID)
	require.NoError(t, err)
	assert.Equal(t, moved.Layer.Path, got.RemotePath)
	assert.Equal(t, &moved.Layer.Identity, got.RemoteIdentity)
	record, err := s.graphDriver.(drivers.RemoteLayerDriver).RemoteLayer(layer.ID)
	require.NoError(t, err)
	assert.Equal(t, &moved.Layer, record)

	// A process was killed after the driver had recorded it.
	rewriteLayers(t, s, func(record map[string]any) { record["remote-path"] = found.Layer.Path })
	_, err = putRemote(reopen(t, s), "base", "", &moved, d, 100)
	require.ErrorIs(t, err, ErrDuplicateID)
	got, err = reopen(t, s).Layer(layer.ID)
	require.NoError(t, err)
	assert.Equal(t, moved.Layer.Path, got.RemotePath)
}

// A mapped copy of an image's top layer holds nothing, so no digest leads to it.
func TestMapRemoteLayer(t *testing.T) {
	t.Setenv("_CONTAINERS_OVERLAY_DISABLE_IDMAP", "yes")
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	base, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	image, err := s.CreateImage("", nil, base.ID, "", nil)
	require.NoError(t, err)
	maps := []idtools.IDMap{{ContainerID: 0, HostID: 1000, Size: 1000}}
	container, err := s.CreateContainer("", nil, image.ID, "", "", &ContainerOptions{
		IDMappingOptions: types.IDMappingOptions{UIDMap: maps, GIDMap: maps},
	})
	require.NoError(t, err)

	s = reopen(t, s)
	layers, err := s.Layers()
	require.NoError(t, err)
	assert.Len(t, layers, 3)
	notFoundByDigest(t, s, found.DiffID, d)
	size, err := s.ImageSize(image.ID)
	require.NoError(t, err)
	assert.Equal(t, int64(1000), size)
	own, err := s.Layer(container.LayerID)
	require.NoError(t, err)
	mapped, err := s.Layer(own.Parent)
	require.NoError(t, err)
	assert.True(t, mapped.MapsRemote())
	diffID, blob := mapped.StatedDigests()
	assert.Equal(t, found.DiffID, diffID)
	assert.Equal(t, d, blob)
	size, err = s.DiffSize("", mapped.ID)
	require.NoError(t, err)
	assert.Zero(t, size)
}

// A container on an image of an additional, read-only store has no mapped copy of its top layer: its own layer maps the owners.
func TestMapRemoteLayerOfAnotherStore(t *testing.T) {
	t.Setenv("_CONTAINERS_OVERLAY_DISABLE_IDMAP", "yes")
	shared := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	base, err := putRemote(shared, "", "", found, d, 100)
	require.NoError(t, err)
	image, err := shared.CreateImage("", nil, base.ID, "", nil)
	require.NoError(t, err)

	// A process may have a store open in one way only, so this is a copy.
	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, exec.Command("cp", "-a", shared.graphRoot, other).Run())
	s := remoteStore(t, "overlay.imagestore="+other)
	maps := []idtools.IDMap{{ContainerID: 0, HostID: 1000, Size: 1000}}
	container, err := s.CreateContainer("", nil, image.ID, "", "", &ContainerOptions{
		IDMappingOptions: types.IDMappingOptions{UIDMap: maps, GIDMap: maps},
	})
	require.NoError(t, err)
	layer, err := s.Layer(container.LayerID)
	require.NoError(t, err)
	assert.Equal(t, base.ID, layer.Parent)
	assert.NotContains(t, layer.Flags, mappedFlag)
	require.NoError(t, os.WriteFile(filepath.Join(s.graphRoot, "overlay", layer.ID, "diff", "written"), make([]byte, 4711), 0o644))
	size, err := s.DiffSize("", layer.ID)
	require.NoError(t, err)
	assert.Equal(t, int64(4711), size)
}

// What is awaited is the repository of any layer in the stack.
func TestAwaitRemoteLayers(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	program, asked := filepath.Join(filepath.Dir(exe), helper.View), filepath.Join(t.TempDir(), "asked")
	script := "#!/bin/sh\necho \"$@\" >>'" + asked + "'\necho '{\"class\":\"unavailable\",\"error\":\"asked\"}'\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	defer os.Remove(program)
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	base, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	image, err := s.CreateImage("", nil, base.ID, "", nil)
	require.NoError(t, err)
	container, err := s.CreateContainer("", nil, image.ID, "", "", nil)
	require.NoError(t, err)
	local, err := s.CreateLayer("", "", nil, "", false, nil)
	require.NoError(t, err)
	require.NoError(t, s.AwaitRemoteLayers(local.ID, AwaitOptions{}))
	for _, id := range []string{base.ID, image.ID, container.ID, container.LayerID} {
		assert.ErrorIs(t, s.AwaitRemoteLayers(id, AwaitOptions{}), cvmfs.ErrUnavailable)
	}
	_, err = s.Mount(container.ID, "")
	assert.ErrorIs(t, err, cvmfs.ErrUnavailable)
	_, err = s.Changes("", container.LayerID)
	assert.ErrorIs(t, err, cvmfs.ErrUnavailable)
	_, err = s.Diff("", container.LayerID, nil)
	assert.ErrorIs(t, err, cvmfs.ErrUnavailable)
	_, err = s.Diff("", base.ID, nil) // refused, and nothing is asked
	assert.ErrorContains(t, err, "does not have the original contents")
	times, err := os.ReadFile(asked)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(spec.Await+"\n", 7), string(times), "a process that mounts was started, with the store locked")
}

// An answer counts for a moment, or once for as long as was asked for.
func TestAwaitedLately(t *testing.T) {
	var a awaited
	assert.False(t, a.lately("a"))
	a.note("a", time.Hour)
	assert.True(t, a.lately("a"))
	assert.False(t, a.until["a"].After(time.Now().Add(awaitAgain)), "it counts again")
	a.note("b", 0)
	assert.True(t, a.lately("b"))
	a.until["b"] = time.Now()
	assert.False(t, a.lately("b"))
	a.note("c", 0)
	assert.NotContains(t, a.until, "b")
}

// Who starts a container whose layers are opened already waits for that, and
// starts nothing.
func TestPrepareRemoteLayers(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	program, started := filepath.Join(filepath.Dir(exe), helper.View), filepath.Join(t.TempDir(), "started")
	script := fmt.Sprintf("#!/bin/sh\necho >>%s\nprintf '%s'\n", started, strings.ReplaceAll(spec.Ready, "\n", `\n`))
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	defer os.Remove(program)
	s := remoteStore(t)
	found, d := remoteAnswer("base", 1000)
	base, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	image, err := s.CreateImage("", nil, base.ID, "", nil)
	require.NoError(t, err)
	s.PrepareRemoteLayers(image.ID)
	container, err := s.CreateContainer("", nil, image.ID, "", "", nil)
	require.NoError(t, err)
	require.NoError(t, s.AwaitRemoteLayers(container.ID, AwaitOptions{}))
	starts, err := os.ReadFile(started)
	require.NoError(t, err)
	assert.Equal(t, "\n", string(starts))
}

// A pull records anew what cannot be read, whoever wrote it or cut it short, and one
// that downloads gives it contents of its own.
func TestPutRemoteMends(t *testing.T) {
	s := remoteStore(t)
	driver := s.graphDriver.(drivers.RemoteLayerDriver)
	found, d := remoteAnswer("base", 1000)
	found.DiffID = digest.FromBytes(layerTar(t))
	base, err := putRemote(s, "", "", found, d, 100)
	require.NoError(t, err)
	link := filepath.Join(s.graphRoot, "overlay", base.ID, "link")
	require.NoError(t, os.WriteFile(link, nil, 0o644))
	_, err = driver.RemoteLayer(base.ID)
	require.ErrorIs(t, err, drivers.ErrRemoteRecord)
	created, err := s.PutRemoteLayers("", []RemoteLayer{{ID: base.ID, Found: found, Digest: d, Size: 100}})
	require.NoError(t, err)
	assert.Empty(t, created)
	got, err := driver.RemoteLayer(base.ID)
	require.NoError(t, err)
	assert.Equal(t, found.Layer, *got)
	require.NoError(t, os.Remove(link))
	layer, _, err := s.ReplaceRemoteLayer(base.ID, nil, bytes.NewReader(layerTar(t)))
	require.NoError(t, err)
	assert.Empty(t, layer.Kind)
	got, err = driver.RemoteLayer(base.ID)
	require.NoError(t, err)
	assert.Nil(t, got)
}
