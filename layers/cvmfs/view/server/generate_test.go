package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// script reads decisions from what the fuzzer gives.
type script []byte

func (s *script) next() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

// below gives a number below n, which is at most 256.
func (s *script) below(n int) int { return int(s.next()) % n }

var (
	longName = strings.Repeat("n", unix.NAME_MAX)
	// names are few, so that layers meet.
	names = []string{
		"a", "b", "c", ".wh.a", ".wh.b", ".wh.c", ".wh..wh..opq", ".wh..wh.plnk", ".wh..wh..opqx", ".wh.", ".wh..", ".wh...",
		".cvmfscatalog", ".cvmfsautocatalog", ".cvmfsbundle-a", ".wh..cvmfscatalog", "\xff\xfe", ".wh.\xff\xfe", "new\nline,:\\", longName, "..a", "etc",
	}
	targets   = []string{"a", "..", "../../../../../../etc", "/", "/proc/self/root", "a\nb\xff", strings.Repeat("t/", unix.PathMax/2-1) + "t", "."}
	fileModes = []uint32{0o644, 0o400, 0o755, unix.S_ISUID | 0o755, unix.S_ISGID | 0o711, 0o600}
	dirModes  = []uint32{0o755, 0o711, unix.S_ISVTX | 0o777, unix.S_ISGID | 0o750, unix.S_ISUID | 0o700}
)

const (
	maxDepth = 4
	maxItems = 60 // of a layer
)

// generator makes one layer.
type generator struct {
	*script
	items int
	files []*item
}

func (g *generator) dir(depth int) *item {
	d := &item{mode: unix.S_IFDIR | dirModes[g.below(len(dirModes))], names: map[string]*item{}}
	for n := g.below(9); n > 0 && g.items < maxItems; n-- {
		name := names[g.below(len(names))]
		i := g.item(depth)
		if d.names[name] == nil && i != nil {
			d.names[name] = i
			g.items++
		}
	}
	return d
}

func (g *generator) item(depth int) *item {
	switch kind := g.below(16); {
	case kind < 6 && depth < maxDepth:
		return g.dir(depth + 1)
	case kind == 6:
		return &item{mode: unix.S_IFLNK | 0o777, text: targets[g.below(len(targets))]}
	case kind == 7:
		return &item{mode: unix.S_IFCHR | 0o600}
	case kind == 8:
		return &item{mode: unix.S_IFIFO | 0o644}
	case kind == 9:
		return &item{mode: []uint32{unix.S_IFCHR, unix.S_IFBLK}[g.below(2)] | 0o666, rdev: int(unix.Mkdev(1, 3))}
	case kind == 10 && len(g.files) > 0: // one more name of a file
		return g.files[g.below(len(g.files))]
	case kind == 11:
		return &item{mode: unix.S_IFSOCK | 0o755}
	}
	i := &item{
		mode: unix.S_IFREG | fileModes[g.below(len(fileModes))],
		text: strings.Repeat(string('a'+rune(g.below(26))), g.below(3)*5000+g.below(40)),
	}
	g.files = append(g.files, i)
	return i
}

// write puts a directory of a layer on disk. What cannot be made here, such as
// devices without the capability, is left out of the layer.
func write(t *testing.T, path string, dir *item, linked map[*item]string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, i := range dir.names {
		file := filepath.Join(path, name)
		var err error
		i.links++
		switch {
		case i.is(unix.S_IFDIR):
			write(t, file, i, linked)
		case linked[i] != "":
			err = os.Link(linked[i], file)
		case i.is(unix.S_IFLNK):
			err = os.Symlink(i.text, file)
		case i.is(unix.S_IFREG):
			err = errors.Join(os.WriteFile(file, []byte(i.text), 0o600), unix.Chmod(file, i.mode&^unix.S_IFMT))
			linked[i] = file
		default:
			if err = unix.Mknod(file, i.mode, i.rdev); errors.Is(err, unix.EPERM) {
				delete(dir.names, name)
				continue
			}
			err = errors.Join(err, unix.Chmod(file, i.mode&^unix.S_IFMT))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Chmod(path, dir.mode&^unix.S_IFMT); err != nil {
		t.Fatal(err)
	}
}

// subject is a view and what it should show.
type subject struct {
	*View
	below   []*item
	beneath *branch // what is beneath the view
	want    *branch // what the view shows by itself
	whole   *branch // with what is beneath it
}

// generate makes layers, a view of them, and the model.
func generate(t *testing.T, s *script) *subject {
	t.Helper()
	dir := t.TempDir()
	trees := make([]*item, 1+s.below(4))
	u := &subject{below: make([]*item, max(s.below(5)-2, 0))}
	p := spec.Spec{UID: 7, GID: 8, NoDevices: s.below(2) == 1}
	for i := range trees {
		name, err := cvmfs.LayerDir(digest.FromString(string(rune('0' + i))))
		if err != nil {
			t.Fatal(err)
		}
		trees[i] = (&generator{script: s}).dir(0)
		path := filepath.Join(dir, "r", name, cvmfs.LayerFS)
		write(t, path, trees[i], map[*item]string{})
		p.Layers = append(p.Layers, spec.Layer{Path: path})
	}
	for i := range u.below {
		u.below[i] = (&generator{script: s}).dir(0)
		path := filepath.Join(dir, "below", string(rune('0'+i)))
		write(t, path, u.below[i], map[*item]string{})
		p.Below = append(p.Below, path)
	}
	u.want, u.whole, u.beneath = flatten(trees, nil, p.NoDevices), flatten(trees, u.below, p.NoDevices), flatten(nil, u.below, false)
	v, err := New(p, s.below(20))
	if err != nil {
		t.Fatal(err)
	}
	v.plusTime = time.Hour // what comes with attributes must not depend on a clock
	u.View = v
	return u
}

// close closes all that the view holds.
func (u *subject) close() {
	for _, c := range []*fdCache{u.dirs, u.files} {
		for c.order.Len() > 0 {
			c.drop(c.order.Back().Value.(*fdEntry))
		}
	}
	u.View.close()
}
