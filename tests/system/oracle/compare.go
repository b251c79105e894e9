package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// printed bounds the differences that are printed one by one.
const printed = 50

// comparison is of two trees, the ordinary one being right.
type comparison struct {
	allowances
	ordinary, other *tree
	compared        map[string]bool // fields that both hold
	groups          [2]map[string]string
	linked          map[string]int // in other, by group
	peopled         map[string]bool
	entries         int
	counts          map[string]int // allowed differences, by kind
	differences     []string
	total           int
}

func compareFiles(out io.Writer, ordinary, other string, allowed allowances, minimum int) error {
	if err := distinct(ordinary, other); err != nil {
		return err
	}
	c := &comparison{allowances: allowed, counts: map[string]int{}, compared: map[string]bool{}}
	var err error
	for _, record := range []struct {
		name string
		to   **tree
	}{{ordinary, &c.ordinary}, {other, &c.other}} {
		if *record.to, err = readFile(record.name); err != nil {
			return err
		}
		if n := len((*record.to).entries); n < minimum {
			return fmt.Errorf("record %q is too small to be true: %d entries, fewer than %d", record.name, n, minimum)
		}
	}
	return c.run(out)
}

// distinct refuses to compare a record with itself.
func distinct(ordinary, other string) error {
	a, err := os.Stat(ordinary)
	if err != nil {
		return err
	}
	b, err := os.Stat(other)
	if err != nil {
		return err
	}
	if os.SameFile(a, b) {
		return errors.New("both records are the same file")
	}
	return nil
}

func (c *comparison) run(out io.Writer) error {
	for field := range c.ordinary.holds {
		c.compared[field] = c.other.holds[field]
	}
	c.prepare()
	for _, e := range c.ordinary.entries {
		if o := c.other.byPath[e.Path]; o != nil {
			c.entries++
			c.both(e, o)
		} else {
			c.lacking(e)
		}
	}
	for _, o := range c.other.entries {
		e := c.ordinary.byPath[o.Path]
		if o.Type == kindGhost && (e == nil || e.Type != kindGhost) {
			c.differ(o.Path, "ghost", "-", "listed, cannot be looked up")
		} else if e == nil {
			c.differ(o.Path, "entry", "absent", o.Type)
		}
	}
	for _, line := range c.unmet(c.counts) {
		c.add(line)
	}
	return c.report(out)
}

// prepare groups hard links by the first of their paths that both trees have:
// the first of all may be hidden in one. It also notes which directories of the
// other tree have anything in them.
func (c *comparison) prepare() {
	for i, pair := range [2][2]*tree{{c.ordinary, c.other}, {c.other, c.ordinary}} {
		first, groups := map[string]string{}, map[string]string{}
		for _, e := range pair[0].entries {
			if pair[1].byPath[e.Path] == nil {
				continue
			}
			key := e.Group
			if key == "" {
				key = e.Path
			}
			if _, ok := first[key]; !ok {
				first[key] = e.Path
			}
			groups[e.Path] = first[key]
		}
		c.groups[i] = groups
	}
	c.linked, c.peopled = map[string]int{}, map[string]bool{}
	for _, e := range c.other.entries {
		c.linked[c.groups[1][e.Path]]++
		if e.Path != "/" {
			c.peopled[parent(e.Path)] = true
		}
	}
}

// lacking is about an entry that the other tree hasn't.
func (c *comparison) lacking(e *entry) {
	if e.Type == kindGhost {
		c.counts[byGhost]++
		return
	}
	above := parent(e.Path)
	for above != "/" && c.other.byPath[above] == nil {
		above = parent(above)
	}
	from, to := c.ordinary.byPath[above], c.other.byPath[above]
	if c.hidden && from != nil && to != nil && from.Type == kindDir && from.closed() && to.Type == kindDir {
		if !c.peopled[above] {
			c.counts[byHidden]++
			return
		}
		if c.partly {
			c.counts[byPartly]++
			return
		}
	}
	c.differ(e.Path, "entry", e.Type, "absent")
}

func (c *comparison) differ(path, field, ordinary, other string) {
	line := fmt.Sprintf("%s %s: ordinary %s, other %s", quoted(path), field, ordinary, other)
	if c.patterns.match(line) {
		c.counts[byExpected]++
		return
	}
	c.add(line)
}

func (c *comparison) add(line string) {
	c.total++
	if len(c.differences) < printed {
		c.differences = append(c.differences, line)
	}
}

// report prints the differences and the summary: one line of name=number, without the kinds that there are none of.
func (c *comparison) report(out io.Writer) error {
	for _, line := range c.differences {
		fmt.Fprintln(out, line)
	}
	if more := c.total - len(c.differences); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
	fmt.Fprintf(out, "compared=%d differences=%d", c.entries, c.total)
	for _, kind := range allowedKinds {
		if c.counts[kind] > 0 {
			fmt.Fprintf(out, " %s=%d", kind, c.counts[kind])
		}
	}
	var fields []string
	for field, both := range c.compared {
		if both {
			fields = append(fields, field)
		}
	}
	sort.Strings(fields)
	if _, err := fmt.Fprintf(out, " fields=%s\n", strings.Join(fields, ",")); err != nil {
		return err
	}
	if c.total > 0 {
		return errDiffer
	}
	return nil
}
