package main

import (
	"regexp"
	"strings"
	"testing"
)

var (
	linkTo   = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// links gives where a page leads to within the repository.
func links(page string) []string {
	var out []string
	for _, m := range linkTo.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(m[1], "://") {
			out = append(out, m[1])
		}
	}
	return out
}

// anchors gives the names under which GitHub shows a page's headings.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		name := noAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		out[strings.ReplaceAll(name, " ", "-")] = true
	}
	return out
}

func TestAnchors(t *testing.T) {
	got := anchors("# Is it the image? verify\n\ntext # no\n## `ls` and 2\n")
	for _, want := range []string{"is-it-the-image-verify", "ls-and-2"} {
		if !got[want] {
			t.Errorf("%v has no %q", got, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("%v", got)
	}
	if l := links("[a](b.md#c) [d](https://e/f) ([g](#h))"); len(l) != 2 || l[0] != "b.md#c" || l[1] != "#h" {
		t.Errorf("%q", l)
	}
}
