package main

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// allowances are the differences that compare lets pass, each because of what
// a repository or a view cannot hold, and no wider than that. Ghosts, which
// overlayfs makes of whiteouts in a directory that it does not merge, must lack
// in OTHER if they are not allowed.
type allowances struct {
	owner    *owner // what OTHER shows instead of an owner that isn't held; its files aren't setuid or setgid
	links    bool   // a hard link is a file of its own
	chowned  bool   // links of ORDINARY have been taken apart by a chown, and directories have the time of that
	xattrs   bool   // attributes lack, and the like of enotsup
	enotsup  bool   // asking for attributes says that there are none at all
	ghosts   bool   // those of ORDINARY are in OTHER, too
	seconds  bool   // fractions of a time are zero
	hidden   bool   // files that others may not read are nobody's, and opening them gives EACCES; what they may not list or search is empty
	partly   bool   // with hidden: or holds only some of it, for directories that other layers add to
	now      *int64 // directories of that time or later have another, or the first of all
	patterns patterns
	needs    []string // kinds of which there must be one at least
}

type owner struct{ uid, gid uint32 }

// The kinds of differences that are counted, in the summary's order.
const (
	byOwner    = "owners"
	bySetid    = "setid"
	byLinks    = "links"
	byChown    = "chowned"
	byXattrs   = "xattrs"
	byENOTSUP  = "xattrs-enotsup"
	bySeconds  = "seconds"
	byHidden   = "hidden"
	byPartly   = "hidden-partly"
	byNow      = "now"
	byGhost    = "ghosts"
	byExpected = "expected"
)

var allowedKinds = []string{byOwner, bySetid, byLinks, byChown, byXattrs, byENOTSUP, bySeconds, byHidden, byPartly, byNow, byGhost, byExpected}

func (a *allowances) flags(flags *flag.FlagSet) {
	flags.Func("owner", "an owner that differs is `UID:GID` in OTHER, and files there may lack setuid and setgid", func(value string) error {
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
	flags.BoolVar(&a.chowned, "chowned", false, "in ORDINARY, of a file's links fewer may be links, "+
		"and directories may have a link count of 1 and a time of --now or later")
	flags.BoolVar(&a.xattrs, "xattrs", false, "extended attributes may lack in OTHER, and as with --xattrs-enotsup")
	flags.BoolVar(&a.enotsup, "xattrs-enotsup", false, "listing attributes or asking for them may give ENOTSUP in OTHER")
	flags.BoolVar(&a.ghosts, "ghosts", false, "what is listed and cannot be looked up may be so in OTHER, too")
	flags.BoolVar(&a.seconds, "seconds", false, "times may be in whole seconds in OTHER")
	flags.BoolVar(&a.hidden, "hidden", false, "in OTHER, files that others may not read may be nobody's, and opening them may give EACCES, "+
		"and directories that others may not list and search may be empty")
	flags.BoolVar(&a.partly, "hidden-partly", false, "with --hidden: such directories may also show a part of what they hold")
	flags.Func("now", "directories with times of `SECONDS` or later may in OTHER have another of these, or 0", func(value string) error {
		seconds, err := strconv.ParseInt(value, 10, 64)
		a.now = &seconds
		return err
	})
	flags.Func("expect", "a difference that matches the regular expression `LINE` as a whole must be there, "+
		"and may be there more than once; may be given again", a.patterns.flag(true))
	flags.Func("let", "a difference that matches `LINE` may be there; may be given again", a.patterns.flag(false))
	flags.Func("needs", "of each of these `KINDS` of allowed differences, with commas between, there must be one", func(value string) error {
		for _, kind := range strings.Split(value, ",") {
			if !slices.Contains(allowedKinds, kind) {
				return fmt.Errorf("no kind %q of %s", kind, strings.Join(allowedKinds, ", "))
			}
			a.needs = append(a.needs, kind)
		}
		return nil
	})
}

// patterns are differences that are not those of a kind.
type patterns []*pattern

type pattern struct {
	*regexp.Regexp
	must, seen bool
}

// flag gives the function of a flag that adds patterns.
func (p *patterns) flag(must bool) func(string) error {
	return func(value string) error {
		re, err := regexp.Compile("^(?s:" + value + ")$")
		*p = append(*p, &pattern{re, must, false})
		return err
	}
}

// match says if a difference is one of them, and notes that it was seen.
func (p patterns) match(difference string) bool {
	matches := false
	for _, each := range p {
		if each.MatchString(difference) {
			each.seen, matches = true, true
		}
	}
	return matches
}

// unmet are the demands that the comparison did not meet.
func (a *allowances) unmet(counts map[string]int) (unmet []string) {
	for _, p := range a.patterns {
		if p.must && !p.seen {
			unmet = append(unmet, fmt.Sprintf("expected, and not there: %s", p))
		}
	}
	for _, kind := range a.needs {
		if counts[kind] == 0 {
			unmet = append(unmet, fmt.Sprintf("expected, and not there: a difference of the kind %q", kind))
		}
	}
	return unmet
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

// shut says if the entry is a file of some content that is closed.
func (e *entry) shut() bool {
	return e.Type == kindFile && e.closed() && (e.Size == nil || *e.Size > 0)
}

// decides says if the mode admits some to the entry's content and not others,
// so that whom it admits depends on the owner.
func (e *entry) decides() bool {
	mode, err := strconv.ParseUint(e.Mode, 8, 32)
	if err != nil {
		return false
	}
	bits := uint64(0o4)
	if e.Type == kindDir {
		bits = 0o5
	}
	user, group, others := mode>>6&bits == bits, mode>>3&bits == bits, mode&bits == bits
	return user != group || group != others
}

// refused says if all that failed are these calls, with EACCES.
func refused(faults []fault, calls ...string) bool {
	for _, f := range faults {
		if f.Errno != "EACCES" || !slices.Contains(calls, f.Call) {
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
