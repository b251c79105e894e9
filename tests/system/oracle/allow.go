package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
)

// allowances are the differences that compare lets pass, each because of what
// a repository or a view cannot hold, and no wider than that. Ghosts, which
// overlayfs makes of whiteouts in a directory that it does not merge, may always
// lack in OTHER.
type allowances struct {
	owner   *owner // what OTHER shows instead of an owner that isn't held
	links   bool   // a hard link is a file of its own
	xattrs  bool   // attributes lack, and asking for one says that there are none at all
	seconds bool   // fractions of a time are zero
	hidden  bool   // what others may not read gives EACCES, what they may not list or search is empty
	partly  bool   // with hidden: or holds only some of it, for directories that local layers add to
	now     *int64 // directories of that time or later have another
	except  paths  // what differs there, and beneath
}

type owner struct{ uid, gid uint32 }

// The kinds of differences that are counted, in the summary's order.
const (
	byOwner   = "owners"
	byLinks   = "links"
	byXattrs  = "xattrs"
	byENOTSUP = "xattrs-enotsup"
	bySeconds = "seconds"
	byHidden  = "hidden"
	byPartly  = "hidden-partly"
	byNow     = "now"
	byGhost   = "ghosts"
	byExcept  = "excepted"
)

var allowedKinds = []string{byOwner, byLinks, byXattrs, byENOTSUP, bySeconds, byHidden, byPartly, byNow, byGhost, byExcept}

func (a *allowances) flags(flags *flag.FlagSet) {
	flags.Func("owner", "an owner that differs is `UID:GID` in OTHER", func(value string) error {
		uid, gid, _ := strings.Cut(value, ":")
		u, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return fmt.Errorf("not UID:GID: %w", err)
		}
		g, err := strconv.ParseUint(gid, 10, 32)
		if err != nil {
			return fmt.Errorf("not UID:GID: %w", err)
		}
		a.owner = &owner{uint32(u), uint32(g)}
		return nil
	})
	flags.BoolVar(&a.links, "links", false, "hard links may be separate files in OTHER, with a link count of 1")
	flags.BoolVar(&a.xattrs, "xattrs", false, "extended attributes may lack in OTHER, "+
		"and listing or asking for them give ENOTSUP")
	flags.BoolVar(&a.seconds, "seconds", false, "times may be in whole seconds in OTHER")
	flags.BoolVar(&a.hidden, "hidden", false, "in OTHER, files that others may not read may give EACCES, "+
		"and directories that others may not list and search may be empty")
	flags.BoolVar(&a.partly, "hidden-partly", false, "with --hidden: such directories may also show a part of what they hold")
	a.except = paths{}
	flags.Var(a.except, "except", "let pass what differs at `PATH` and beneath it; may be given again")
	flags.Func("now", "directories with times of `SECONDS` or later may have another in OTHER", func(value string) error {
		seconds, err := strconv.ParseInt(value, 10, 64)
		a.now = &seconds
		return err
	})
}

// closed says if a repository's permissions keep the entry's content from a
// user who is not its owner: each of these bits is asked of a directory.
func (e *entry) closed() bool {
	mode, err := strconv.ParseUint(e.Mode, 8, 32)
	if err != nil {
		return false
	}
	switch e.Type {
	case kindFile:
		return mode&0o4 == 0
	case kindDir:
		return mode&0o5 != 0o5
	}
	return false
}

// refused says if all that failed is opening or reading, with EACCES.
func refused(faults []fault) bool {
	for _, f := range faults {
		if f.Errno != "EACCES" || f.Call != "open" && f.Call != "read" && f.Call != "readdir" {
			return false
		}
	}
	return len(faults) > 0
}

// withoutXattrs gives the failures that are not by the lack of extended
// attributes in the file system.
func withoutXattrs(faults []fault) []fault {
	var others []fault
	for _, f := range faults {
		if f.Errno != "ENOTSUP" || f.Call != "listxattr" && f.Call != "getxattr "+capability {
			others = append(others, f)
		}
	}
	return others
}
