package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// both compares an entry that both trees have, field by field.
func (c *comparison) both(e, o *entry) {
	if o.Type == kindGhost {
		if e.Type == kindGhost && !c.allowances.ghosts {
			c.differ(e.Path, "ghost", "listed, cannot be looked up", "too")
		}
		return // else a difference of its own
	}
	if e.Type != o.Type {
		c.differ(e.Path, "type", e.Type, o.Type)
		return
	}
	c.modes(e, o)
	c.plain(e, o, "rdev", e.Rdev, o.Rdev)
	c.plain(e, o, "size", number(e.Size), number(o.Size))
	c.plain(e, o, "target", text(e.Target), text(o.Target))
	c.owners(e, o)
	c.links(e, o)
	c.times(e, o)
	c.attributes(e, o)
	c.content(e, o)
}

func (c *comparison) plain(e, o *entry, field, ordinary, other string) {
	if c.compared[field] && ordinary != other {
		c.differ(e.Path, field, ordinary, other)
	}
}

// modes compares permissions. Where owners aren't held, files lose setuid and
// setgid: one whose owner is shown wrong must have lost them.
func (c *comparison) modes(e, o *entry) {
	other, err := strconv.ParseUint(o.Mode, 8, 32)
	ordinary, err2 := strconv.ParseUint(e.Mode, 8, 32)
	if !c.compared["mode"] || c.owner == nil || e.Type != kindFile || err != nil || err2 != nil || ordinary&setid == 0 {
		c.plain(e, o, "mode", e.Mode, o.Mode)
		return
	}
	strange := e.UID != nil && o.UID != nil && (*e.UID != *o.UID || *e.GID != *o.GID)
	switch {
	case other == ordinary&^setid:
		c.counts[bySetid]++
	case strange && other&setid != 0:
		c.differ(e.Path, "mode", e.Mode, o.Mode+" of another owner")
	default:
		c.plain(e, o, "mode", e.Mode, o.Mode)
	}
}

// setid are the bits of a mode with which a program runs as its owner or group.
const setid = 0o6000

// nobody owns what no account of the user namespace does.
var nobody = owner{65534, 65534}

func (c *comparison) owners(e, o *entry) {
	if !c.compared["uid"] || !c.compared["gid"] || e.UID == nil || o.UID == nil {
		return
	}
	ordinary, other := owner{*e.UID, *e.GID}, owner{*o.UID, *o.GID}
	switch {
	case ordinary == other:
	case c.owner != nil && other == *c.owner:
		c.counts[byOwner]++
	case c.hidden && e.shut() && other == nobody:
		c.counts[byHidden]++
	default:
		c.differ(e.Path, "owner", fmt.Sprintf("%d:%d", ordinary.uid, ordinary.gid), fmt.Sprintf("%d:%d", other.uid, other.gid))
	}
}

// links compares link counts and what is linked with what. A link that became
// a file of its own is alone in its group, and says so by its count, if counts
// are held.
func (c *comparison) links(e, o *entry) {
	nlink := c.compared["nlink"] && number(e.Nlink) != number(o.Nlink)
	group := c.compared["group"] && c.groups[0][e.Path] != c.groups[1][e.Path]
	if !group && !nlink {
		return
	}
	alone := c.linked[c.groups[1][e.Path]] == 1 && (o.Nlink == nil || *o.Nlink == 1)
	if e.Type != kindDir && c.allowances.links && alone {
		c.counts[byLinks]++
		return
	}
	if c.chowned && c.split(e, o) {
		c.counts[byChown]++
		return
	}
	if nlink && e.Type == kindDir && c.hidden && e.closed() { // hides all beneath, so nothing merges
		c.counts[byHidden]++
		nlink = false
	}
	if nlink {
		c.differ(e.Path, "nlink", number(e.Nlink), number(o.Nlink))
	}
	if group {
		c.differ(e.Path, "linked to", quoted(c.groups[0][e.Path]), quoted(c.groups[1][e.Path]))
	}
}

// split says if the ordinary entry is linked with none but links of the other,
// and fewer; or is a directory of which a copy was made, which overlayfs merges.
func (c *comparison) split(e, o *entry) bool {
	if e.Type == kindDir {
		return e.Nlink != nil && *e.Nlink == 1
	}
	return c.groups[1][c.groups[0][e.Path]] == c.groups[1][e.Path] && (e.Nlink == nil || *e.Nlink < *o.Nlink)
}

func (c *comparison) times(e, o *entry) {
	if !c.compared["mtime"] || e.Mtime == nil || o.Mtime == nil {
		return
	}
	seconds := *e.Mtime == *o.Mtime
	nsec := !c.compared["nsec"] || *e.Nsec == *o.Nsec
	switch {
	case seconds && nsec:
	case c.now != nil && e.Type == kindDir && *e.Mtime >= *c.now && (*o.Mtime >= *c.now || *o.Mtime == 0):
		c.counts[byNow]++
	case c.now != nil && e.Type == kindDir && *e.Mtime >= *c.now && c.chowned:
		c.counts[byChown]++
	case c.seconds && seconds && *o.Nsec == 0:
		c.counts[bySeconds]++
	default:
		c.differ(e.Path, "mtime", e.time(), o.time())
	}
}

func (c *comparison) attributes(e, o *entry) {
	if !c.compared["xattrs"] {
		return
	}
	names := map[string]bool{}
	for _, attrs := range []map[string]string{e.Xattrs, o.Xattrs} {
		for name := range attrs {
			names[name] = true
		}
	}
	for _, name := range ordered(names) {
		ordinary, has := e.Xattrs[name]
		other, kept := o.Xattrs[name]
		switch {
		case has && kept && ordinary == other:
		case has && !kept && c.xattrs:
			c.counts[byXattrs]++
		default:
			c.differ(e.Path, "xattr "+name, present(ordinary, has), present(other, kept))
		}
	}
}

// content compares hashes and what failed. Of a file that the other tree may
// not read there is no hash.
func (c *comparison) content(e, o *entry) {
	if c.compared["errors"] {
		faults := o.Errors
		if (c.xattrs || c.enotsup) && failures(faults) != failures(e.Errors) {
			if faults = withoutXattrs(faults); len(faults) < len(o.Errors) {
				c.counts[byENOTSUP]++
			}
		}
		if c.hidden && e.shut() && len(e.Errors) == 0 && refused(faults, "open") && o.Hash == "" {
			c.counts[byHidden]++
			return
		}
		if c.foreign(e, o) && e.decides() && admits(e.Errors) && admits(faults) && len(e.Errors)+len(faults) > 0 {
			c.counts[byOwner]++
			return
		}
		c.plain(e, o, "errors", failures(e.Errors), failures(faults))
	}
	c.plain(e, o, "hash", e.Hash, o.Hash)
}

func failures(faults []fault) string {
	list := make([]string, 0, len(faults))
	for _, f := range faults {
		list = append(list, f.Call+" "+f.Errno)
	}
	if len(list) == 0 {
		return "none"
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

func (e *entry) time() string {
	if e.Nsec == nil {
		return number(e.Mtime)
	}
	return fmt.Sprintf("%d+%dns", *e.Mtime, *e.Nsec)
}

func number[N int64 | uint64](n *N) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

func text(s *string) string {
	if s == nil {
		return "none"
	}
	return quoted(*s)
}

// quoted marks the ends of what quote wrote, which is in one line already.
func quoted(s string) string { return `"` + s + `"` }

func present(value string, is bool) string {
	if !is {
		return "absent"
	}
	return "0x" + value
}

func ordered(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for item := range set {
		list = append(list, item)
	}
	sort.Strings(list)
	return list
}

// foreign says if the other entry has the owner that stands for one that isn't kept.
func (c *comparison) foreign(e, o *entry) bool {
	return c.owner != nil && e.UID != nil && o.UID != nil && (*e.UID != *o.UID || *e.GID != *o.GID)
}

// admits says if nothing failed but by the permissions.
func admits(faults []fault) bool {
	return len(faults) == 0 || refused(faults, "open", "read", "readdir")
}
