package pull

import (
	"context"
	_ "crypto/sha512" // a digest that no repository can have
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
)

var (
	layerA, diffA = digest.FromString("blob A"), digest.FromString("tar A")
	layerB, diffB = digest.FromString("blob B"), digest.FromString("tar B")
)

// publish makes a repository that has these layers, without metadata.
func publish(t *testing.T, layers ...digest.Digest) (root string) {
	t.Helper()
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, cvmfs.LayersDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range layers {
		if err := os.MkdirAll(layerfs(t, root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func layerfs(t *testing.T, root string, d digest.Digest) string {
	t.Helper()
	dir, err := cvmfs.LayerDir(d)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, dir, cvmfs.LayerFS)
}

// start begins a pull of an image with layers A and B.
func start(t *testing.T, mode string, repositories ...string) (*Pull, *[]string) {
	t.Helper()
	warned := &[]string{}
	var mu sync.Mutex
	conf := config.Default()
	conf.Repositories, conf.Timeout = repositories, time.Minute
	p, err := New(conf, mode, func(s string) { mu.Lock(); defer mu.Unlock(); *warned = append(*warned, s) })
	if err != nil {
		t.Fatal(err)
	}
	p.NoteDiffIDs([]digest.Digest{diffA, diffB}, nil)
	t.Cleanup(p.Close)
	return p, warned
}

func TestNewMode(t *testing.T) {
	for _, tc := range []struct {
		configured config.Mode
		override   string
		want       config.Mode
	}{
		{config.Off, "", config.Off}, {config.Auto, "", config.Auto}, {config.Only, "off", config.Off}, {config.Off, "only", config.Only},
	} {
		conf := config.Default()
		conf.Pull = tc.configured
		p, err := New(conf, tc.override, nil)
		if err != nil || p.Mode() != tc.want {
			t.Errorf("configured %q, asked %q: got %v, %v", tc.configured, tc.override, p, err)
		}
	}
	if _, err := New(config.Default(), "always", nil); err == nil || !strings.Contains(err.Error(), "auto, only or off") {
		t.Errorf("want an error that lists the modes, got %v", err)
	}
}

// The table of modes: what happens to a layer that a repository has, to one
// that none has, and where a repository does not answer.
func TestLayerModes(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for _, tc := range []struct {
		name, mode string
		layers     []digest.Digest // published
		out        bool            // another repository is out
		found      bool            // layer A
		errIs      error           // nil for none
		errNames   string
		warnings   int
	}{
		{"auto, found", "auto", []digest.Digest{layerA}, false, true, nil, "", 0},
		{"auto, found, other out", "auto", []digest.Digest{layerA}, true, true, nil, "", 1},
		{"auto, none has it", "auto", nil, false, false, nil, "", 0},
		{"auto, out", "auto", nil, true, false, nil, "", 1},
		{"only, found", "only", []digest.Digest{layerA}, false, true, nil, "", 0},
		{"only, none has it", "only", []digest.Digest{layerB}, false, false, cvmfs.ErrLayerUnknown, layerA.String(), 0},
		{"only, found, other out", "only", []digest.Digest{layerA}, true, true, nil, "", 1},
		{"only, out", "only", nil, true, false, cvmfs.ErrUnavailable, gone, 0},
		{"off, found", "off", []digest.Digest{layerA}, false, false, nil, "", 0},
		{"off, out", "off", nil, true, false, nil, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := publish(t, tc.layers...)
			repositories := []string{root}
			if tc.out {
				repositories = []string{gone, root}
			}
			p, warned := start(t, tc.mode, repositories...)
			for range 2 { // the second answer must be the first
				answer, err := p.Layer(context.Background(), Question{Index: 0, Digest: layerA})
				if !errors.Is(err, tc.errIs) {
					t.Fatalf("got error %v, want %v", err, tc.errIs)
				}
				if err != nil && !strings.Contains(err.Error(), tc.errNames) {
					t.Errorf("error %q does not name %q", err, tc.errNames)
				}
				if (answer != nil) != tc.found || (p.Found(layerA) != nil) != tc.found {
					t.Fatalf("got %+v, want found: %v", answer, tc.found)
				}
				if tc.found && (answer.DiffID != diffA || answer.Repository != root || answer.Layer.Path != layerfs(t, root, layerA)) {
					t.Errorf("got %+v", answer)
				}
			}
			if len(*warned) != tc.warnings {
				t.Errorf("want %d warnings, got %q", tc.warnings, *warned)
			}
		})
	}
}

func TestLayerKinds(t *testing.T) {
	root := publish(t, layerA)
	for _, tc := range []struct {
		name    string
		q       Question
		found   bool
		onlyErr string // what mode only says, "" if it lets the layer pass
	}{
		{"schema 2", Question{Digest: layerA, MediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip"}, true, ""},
		{"OCI", Question{Digest: layerA, MediaType: "application/vnd.oci.image.layer.v1.tar+zstd"}, true, ""},
		{"no media type", Question{Digest: layerA}, true, ""},
		{"foreign by URL", Question{Digest: layerA, URLs: []string{"https://example.org/blob"}}, false, "foreign"},
		{"foreign, schema 2", Question{Digest: layerA, MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}, false, "foreign"},
		{"foreign, OCI", Question{Digest: layerA, MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}, false, "foreign"},
		{"encrypted", Question{Digest: layerA, MediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"}, false, "encrypted"},
		{"empty, marked", Question{Digest: layerA, Empty: true}, false, ""},
		{"empty, gzipped", Question{Digest: "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"}, false, ""},
		{"empty, plain", Question{Digest: "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}, false, ""},
		{"digest of another kind", Question{Digest: digest.SHA512.FromString("blob A")}, false, "sha256"},
		{"digest that is none", Question{Digest: "sha256:../../etc"}, false, "invalid"},
	} {
		for _, mode := range []string{"auto", "only"} {
			t.Run(tc.name+", "+mode, func(t *testing.T) {
				p, warned := start(t, mode, root)
				answer, err := p.Layer(context.Background(), tc.q)
				wantErr := ""
				if mode == "only" {
					wantErr = tc.onlyErr
				}
				if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
					t.Errorf("got error %v, want one that says %q", err, wantErr)
				}
				if (answer != nil) != tc.found {
					t.Errorf("got %+v, want found: %v", answer, tc.found)
				}
				if len(*warned) > 0 {
					t.Errorf("warned without reason: %q", *warned)
				}
				if mode == "only" {
					passes := !tc.found && tc.onlyErr == ""
					if err := p.MayDownload(tc.q.Digest); (err == nil) != passes {
						t.Errorf("download: got %v, want allowed: %v", err, passes)
					}
				}
			})
		}
	}
}

// Any blob that unpacks to an empty tar is known by its diffID: no repository has to
// have it, and mode only may download it.
func TestLayerEmptyByDiffID(t *testing.T) {
	for _, tc := range []struct {
		name  string
		tar   string
		empty bool
	}{
		{"nothing", "", true},
		{"one block", strings.Repeat("\x00", 512), true},
		{"two blocks, as BuildKit and Docker end it", strings.Repeat("\x00", 1024), true},
		{"a record, as GNU tar fills it", strings.Repeat("\x00", 10240), true},
		{"half a block", strings.Repeat("\x00", 256), false},
		{"an entry", "etc/" + strings.Repeat("\x00", 1020), false},
	} {
		for _, mode := range []string{"auto", "only"} {
			t.Run(tc.name+", "+mode, func(t *testing.T) {
				p, warned := start(t, mode, publish(t))
				p.NoteDiffIDs([]digest.Digest{digest.FromString(tc.tar)}, nil)
				answer, err := p.Layer(context.Background(), Question{Digest: layerA})
				if answer != nil || (err == nil) != (tc.empty || mode == "auto") {
					t.Errorf("got %+v, %v", answer, err)
				}
				if err := p.MayDownload(layerA); (err == nil) != (tc.empty || mode == "auto") {
					t.Errorf("download: %v", err)
				}
				if len(*warned) > 0 {
					t.Errorf("warned without reason: %q", *warned)
				}
			})
		}
	}
}

func TestLayerWithoutDiffID(t *testing.T) {
	for _, tc := range []struct {
		name  string
		note  func(p *Pull)
		index int
		says  string
	}{
		{"nothing noted", nil, 0, "no config"},
		{"config cannot be parsed", func(p *Pull) { p.NoteDiffIDs(nil, errors.New("bad config")) }, 0, "bad config"},
		{"config without diffIDs", func(p *Pull) { p.NoteDiffIDs(nil, nil) }, 0, "no config"},
		{"more layers than diffIDs", func(p *Pull) { p.NoteDiffIDs([]digest.Digest{diffA}, nil) }, 1, "names 1"},
		{"no position", func(p *Pull) { p.NoteDiffIDs([]digest.Digest{diffA}, nil) }, -1, "names 1"},
		{"diffID that is none", func(p *Pull) { p.NoteDiffIDs([]digest.Digest{diffA, "sha256:zz"}, nil) }, 0, "zz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := config.Default()
			conf.Repositories = []string{publish(t, layerA)}
			var warned []string
			for _, mode := range []string{"auto", "only"} {
				p, err := New(conf, mode, func(s string) { warned = append(warned, s) })
				if err != nil {
					t.Fatal(err)
				}
				if tc.note != nil {
					tc.note(p)
				}
				for range 2 {
					answer, err := p.Layer(context.Background(), Question{Index: tc.index, Digest: layerA})
					if answer != nil {
						t.Errorf("%s: found %+v", mode, answer)
					}
					if mode == "auto" && err != nil {
						t.Errorf("auto must download, got %v", err)
					}
					if mode == "only" && (err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), layerA.String())) {
						t.Errorf("only: got %v, want an error that names the layer and says %q", err, tc.says)
					}
				}
			}
			if len(warned) != 1 || !strings.Contains(warned[0], tc.says) {
				t.Errorf("want one warning, in mode auto, that says %q, got %q", tc.says, warned)
			}
		})
	}
}

func TestLayerWithTwoDiffIDs(t *testing.T) {
	p, warned := start(t, "auto", publish(t, layerA))
	if answer, err := p.Layer(context.Background(), Question{Index: 0, Digest: layerA}); err != nil || answer == nil {
		t.Fatal(answer, err)
	}
	if answer, err := p.Layer(context.Background(), Question{Index: 1, Digest: layerA}); err != nil || answer != nil {
		t.Errorf("got %+v, %v, want a download", answer, err)
	}
	if len(*warned) != 1 || !strings.Contains((*warned)[0], layerA.String()) {
		t.Errorf("want one warning that names the layer, got %q", *warned)
	}
}

func TestCheckDiffIDs(t *testing.T) {
	type list = []digest.Digest
	for _, tc := range []struct {
		name            string
		layers, diffIDs list
		ok              bool
	}{
		{"none", nil, nil, true},
		{"two", list{layerA, layerB}, list{diffA, diffB}, true},
		{"the same layer twice", list{layerA, layerB, layerA}, list{diffA, diffB, diffA}, true},
		{"two compressions of one tar", list{layerA, layerB}, list{diffA, diffA}, true},
		{"fewer diffIDs", list{layerA, layerB}, list{diffA}, false},
		{"more diffIDs", list{layerA}, list{diffA, diffB}, false},
		{"one layer, two diffIDs", list{layerA, layerA}, list{diffA, diffB}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := CheckDiffIDs(tc.layers, tc.diffIDs); (err == nil) != tc.ok {
				t.Errorf("got %v, want ok: %v", err, tc.ok)
			}
		})
	}
}

func TestMayDownload(t *testing.T) {
	for _, tc := range []struct {
		mode string
		ok   bool
	}{{"auto", true}, {"off", true}, {"only", false}} {
		p, _ := start(t, tc.mode, publish(t))
		if err := p.MayDownload(layerA); (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), layerA.String()) {
			t.Errorf("mode %q: got %v, want allowed: %v", tc.mode, err, tc.ok)
		}
		if err := p.MayDownload(emptyGzipped); err != nil {
			t.Errorf("mode %q: an empty layer may always be downloaded, got %v", tc.mode, err)
		}
	}
}

func TestLayerCancelled(t *testing.T) {
	p, warned := start(t, "auto", publish(t, layerA))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// The look-up may win the race against the cancellation; if it does not, the pull ends.
	if answer, err := p.Layer(ctx, Question{Digest: layerA}); answer == nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	if len(*warned) != 0 {
		t.Errorf("warned without reason: %q", *warned)
	}
}

func TestLayerConcurrently(t *testing.T) {
	var layers, diffIDs []digest.Digest
	for i := range 40 {
		layers = append(layers, digest.FromString(fmt.Sprint("blob ", i)))
		diffIDs = append(diffIDs, digest.FromString(fmt.Sprint("tar ", i)))
	}
	p, _ := start(t, "auto", publish(t, layers[:20]...))
	p.NoteDiffIDs(diffIDs, nil)
	var all sync.WaitGroup
	for i := range layers {
		all.Add(1)
		go func() {
			defer all.Done()
			answer, err := p.Layer(context.Background(), Question{Index: i, Digest: layers[i]})
			if err != nil || (answer != nil) != (i < 20) || answer != nil && answer.DiffID != diffIDs[i] {
				t.Errorf("layer %d: got %+v, %v", i, answer, err)
			}
		}()
	}
	all.Wait()
}
