package server

import (
	"maps"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// readdir lists what room bytes hold, from an offset on, and compares it with
// the model's directory.
func (k *kernel) readdir(id, offset uint64, room int) []fuse.DirEntry {
	buf := fuse.NewDirEntryList(make([]byte, room), offset)
	got := k.ReadDir(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}, Offset: offset, Size: uint32(room)}, buf)
	if !k.dir(id) {
		k.status("readdir", id, got, fuse.Status(unix.ESTALE))
		return nil
	}
	if !k.status("readdir", id, got, fuse.OK) {
		return nil
	}
	all, err := fuse.ParseDirEntries(buf.Bytes())
	if err != nil {
		k.Fatal(err)
	}
	for i, e := range all {
		if e.Off != offset+uint64(i)+1 {
			k.Errorf("listing of node %d: offset %d after %d", id, e.Off, offset+uint64(i))
		}
	}
	if len(k.below) > 0 { // whiteouts are among them: compare knows
		return all
	}
	want := append([]string{".", ".."}, k.nodes[id].want.sorted()...)
	want = want[min(int(offset), len(want)):]
	for i, e := range all {
		if i >= len(want) || e.Name != want[i] {
			k.Errorf("listing of node %d: number %d is %q, want %q", id, i, e.Name, want)
			break
		}
	}
	if len(all) < len(want) && room >= 24+(len(want[len(all)])+7)/8*8+len(buf.Bytes()) {
		k.Errorf("listing of node %d ends before %q, with room for it", id, want[len(all)])
	}
	return all
}

// readdirplus lists as readdir does, and takes the names that come with attributes:
// all that there are, or none.
func (k *kernel) readdirplus(id, offset uint64, room int) {
	in := &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: id}, Offset: offset, Size: uint32(room)}
	buf := fuse.NewDirEntryList(make([]byte, room), offset)
	got := k.ReadDirPlus(nil, in, buf)
	if !k.dir(id) {
		k.status("readdirplus", id, got, fuse.Status(unix.ESTALE))
		return
	}
	if !k.status("readdirplus", id, got, fuse.OK) {
		return
	}
	all, outs, err := fuse.ParseDirLookupEntries(buf.Bytes())
	if err != nil {
		k.Fatal(err)
	}
	plain := k.readdir(id, offset, 1<<16)
	for i, e := range all {
		if e != plain[i] {
			k.Errorf("listing of node %d: number %d is %v, with attributes %v", id, i, plain[i], e)
		}
		want := k.table.get(id).state.has(plus) && e.Name != "." && e.Name != ".." && !k.closed(id, e.Name)
		if known := outs[i].NodeId != 0; known != want {
			k.Errorf("listing of node %d: %q comes with attributes: %v, want %v", id, e.Name, known, want)
		} else if known {
			k.told(id, e.Name, &outs[i])
		}
	}
}

// closed says whether a name is a file that its mode closes to others: it comes
// without attributes.
func (k *kernel) closed(id uint64, name string) bool {
	c := k.nodes[id].want.names[name]
	return c != nil && c.is(unix.S_IFREG) && c.mode&0o4 == 0 && c.text != ""
}

// compare walks a directory of the view. By itself it holds what want does; stacked by overlayfs on the directory that
// is beneath it, if any, what whole does.
func (k *kernel) compare(id uint64, want, whole, beneath *branch) {
	all := k.readdir(id, 0, 1<<16)
	if len(all) < 2 || all[0].Name != "." || all[1].Name != ".." {
		k.Fatalf("listing of node %d: %v", id, all)
	}
	if ino := k.getattr(id).Ino; all[0].Ino != ino {
		k.Errorf("node %d has number %d, listed %d", id, ino, all[0].Ino)
	}
	children, whiteouts := map[string]uint64{}, map[string]bool{}
	for _, e := range all[2:] {
		child := k.lookup(id, e.Name)
		if child == 0 {
			k.Fatalf("%q is listed in node %d, and is not there", e.Name, id)
		}
		if a := k.getattr(child); a.Ino != e.Ino && want.names[e.Name] != nil || a.Mode&unix.S_IFMT != e.Mode {
			k.Errorf("%q is listed with number %d and type %o, and has %d and %o", e.Name, e.Ino, e.Mode, a.Ino, a.Mode)
		}
		if want.names[e.Name] == nil {
			whiteouts[e.Name] = true
			continue
		}
		children[e.Name] = child
		k.readlink(child)
		k.read(child, 0, 20000)
	}
	if len(children) != len(want.names) {
		k.Fatalf("node %d holds %v, want %q", id, all, want.sorted())
	}
	beneath = k.stacked(id, want, whole, beneath, whiteouts)
	for name, child := range children {
		if k.dir(child) {
			var lower *branch
			if beneath != nil && beneath.names[name] != nil && beneath.names[name].is(unix.S_IFDIR) {
				lower = beneath.names[name]
			}
			k.compare(child, want.names[name], whole.names[name], lower)
		}
	}
}

// stacked does what overlayfs does with a directory of the view, and gives the
// directory beneath if it shows through.
func (k *kernel) stacked(id uint64, want, whole, beneath *branch, whiteouts map[string]bool) *branch {
	opaque := len(k.below) > 0 && id != fuse.FUSE_ROOT_ID && k.xattr(id, "user.overlay.opaque", 1) == "y"
	if beneath == nil || opaque {
		beneath = nil
		if len(whiteouts) > 0 {
			k.Errorf("whiteouts %v show in node %d, which does not merge", whiteouts, id)
		}
	}
	merged := maps.Clone(want.names)
	if beneath != nil {
		for name, e := range beneath.names {
			if merged[name] == nil && !whiteouts[name] {
				merged[name] = e
			}
		}
	}
	same := len(merged) == len(whole.names)
	for name, e := range merged {
		same = same && whole.names[name] != nil && whole.names[name].item == e.item
	}
	if !same {
		k.Errorf("node %d, stacked on what is beneath it, holds %q, want %q", id, (&branch{names: merged}).sorted(), whole.sorted())
	}
	return beneath
}
