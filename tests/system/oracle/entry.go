package main

// entry is what a record says of one path. What its source doesn't hold, and
// what a type doesn't have, is absent; a header names what is held.
type entry struct {
	Path string `json:"path"` // quoted
	Type string `json:"type"` // a kind below

	Mode  string  `json:"mode,omitempty"` // permissions with suid, sgid and sticky, octal
	UID   *uint32 `json:"uid,omitempty"`
	GID   *uint32 `json:"gid,omitempty"`
	Size  *int64  `json:"size,omitempty"` // not of directories
	Nlink *uint64 `json:"nlink,omitempty"`
	// Group is the first path, in the record's order, of the same device and
	// inode number; absent where that is the path itself.
	Group string `json:"group,omitempty"`
	Rdev  string `json:"rdev,omitempty"` // major:minor
	Mtime *int64 `json:"mtime,omitempty"`
	Nsec  *int64 `json:"nsec,omitempty"`
	// Xattrs maps quoted names to values in hexadecimal.
	Xattrs map[string]string `json:"xattrs,omitempty"`
	Hash   string            `json:"hash,omitempty"`   // of regular files
	Target *string           `json:"target,omitempty"` // of symlinks, quoted
	Errors []fault           `json:"errors,omitempty"`
}

// fault is a call that failed on a path, or told something that cannot be. The
// latter have no errno's name: see walk.go.
type fault struct {
	Call  string `json:"call"`
	Errno string `json:"errno"`
}

// The types of entries. Of the last three nothing else is known.
const (
	kindFile    = "file"
	kindDir     = "dir"
	kindSymlink = "symlink"
	kindFifo    = "fifo"
	kindSocket  = "socket"
	kindChar    = "char"
	kindBlock   = "block"
	kindGhost   = "ghost"   // listed by its directory, but looking it up gives ENOENT
	kindMount   = "mount"   // another mount is there: what it covers cannot be seen
	kindUnknown = "unknown" // looking it up gives another error, which the entry holds
)

// The fields that a source can hold, by their names in JSON.
var captureFields = []string{
	"type", "mode", "uid", "gid", "size", "nlink", "group", "rdev", "mtime", "nsec", "xattrs", "hash",
	"target", "errors",
}

// A tar knows no link counts, and nothing fails in it.
var tarFields = []string{"type", "mode", "uid", "gid", "size", "group", "rdev", "mtime", "nsec", "xattrs", "hash", "target"}

// lacks names a field that the entry should have, where its source holds it,
// and has not. Absent attributes and groups say something, too.
func (e *entry) lacks(holds map[string]bool) string {
	switch e.Type {
	case kindGhost, kindMount:
		return ""
	case kindUnknown:
		if len(e.Errors) == 0 {
			return "errors"
		}
		return ""
	}
	failed := len(e.Errors) > 0
	device := e.Type == kindChar || e.Type == kindBlock
	for _, field := range []struct {
		name   string
		absent bool
	}{
		{"mode", e.Mode == ""},
		{"uid", e.UID == nil},
		{"gid", e.GID == nil},
		{"size", e.Type != kindDir && e.Size == nil},
		{"nlink", e.Nlink == nil},
		{"rdev", device && e.Rdev == ""},
		{"mtime", e.Mtime == nil},
		{"nsec", e.Nsec == nil},
		{"hash", e.Type == kindFile && e.Hash == "" && !failed},
		{"target", e.Type == kindSymlink && e.Target == nil && !failed},
	} {
		if field.absent && holds[field.name] {
			return field.name
		}
	}
	return ""
}

func knownKind(kind string) bool {
	switch kind {
	case kindFile, kindDir, kindSymlink, kindFifo, kindSocket, kindChar, kindBlock, kindGhost, kindMount, kindUnknown:
		return true
	}
	return false
}
