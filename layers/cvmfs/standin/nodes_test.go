package standin

import (
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

func TestNodesFollowWhatIsThere(t *testing.T) {
	table := newNodes(&node{is: likeness{mode: unix.S_IFDIR}})
	noLayer := func(string) *tally { return nil }
	find := func(st unix.Stat_t) *node { return table.found("a", &st, fuse.Attr{}, noLayer) }

	file := unix.Stat_t{Mode: unix.S_IFREG | 0o644, Size: 1}
	first := find(file)
	if again := find(file); again != first {
		t.Error("the same file got another node")
	}
	file.Mode = unix.S_IFREG | 0o600
	if again := find(file); again != first {
		t.Error("a file whose mode changed got another node")
	}
	file.Size = 2
	second := find(file)
	if second == first || second.id == first.id {
		t.Error("other contents got the same node")
	}
	dir := find(unix.Stat_t{Mode: unix.S_IFDIR | 0o755, Size: 1})
	if dir == second {
		t.Error("a directory got a file's node")
	}
	if again := find(unix.Stat_t{Mode: unix.S_IFDIR | 0o755, Size: 2}); again != dir {
		t.Error("a directory that grew got another node")
	}

	table.forget(first.id, 3)
	if table.get(first.id) != nil {
		t.Error("forgotten three times after three look-ups, and still known")
	}
	table.forget(dir.id, 1)
	if table.get(dir.id) != dir {
		t.Error("forgotten once after two look-ups, and not known")
	}
	table.forget(fuse.FUSE_ROOT_ID, 100)
	if table.get(fuse.FUSE_ROOT_ID) == nil {
		t.Error("the root was forgotten")
	}
}

// The first removal counts: a layer turns stale once, whatever is published since.
func TestMarkKeepsTheFirstTime(t *testing.T) {
	table := newNodes(&node{is: likeness{mode: unix.S_IFDIR}})
	st := unix.Stat_t{Mode: unix.S_IFREG}
	n := table.found("a", &st, fuse.Attr{}, func(string) *tally { return nil })
	gone := func(other *node) bool { return other == n }
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	table.mark(early, gone, false)
	table.mark(late, gone, false)
	if removed, _ := table.fate(n); !removed.Equal(early) {
		t.Errorf("removed %v, want %v", removed, early)
	}
	table.mark(late, func(*node) bool { return false }, true)
	if removed, _ := table.fate(n); !removed.IsZero() {
		t.Errorf("restored, and still removed %v", removed)
	}
}
