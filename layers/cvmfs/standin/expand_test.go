package standin

import (
	"strings"
	"testing"
)

func environment(name string) (string, bool) {
	value, set := map[string]string{"SITE": "cern", "EMPTY": ""}[name]
	return value, set
}

func TestExpand(t *testing.T) {
	for target, want := range map[string]string{
		"":                             "",
		"/usr/bin":                     "/usr/bin",
		"$(SITE)":                      "cern",
		"/a/$(SITE)/b":                 "/a/cern/b",
		"$(SITE)$(SITE)":               "cerncern",
		"$(SITE:-other)":               "cern",
		"$(NONE)":                      "",
		"x$(NONE)y":                    "xy",
		"$(NONE:-/opt/default)":        "/opt/default",
		"$(NONE:-)":                    "",
		"$(EMPTY:-default)":            "",
		"$(SITE":                       "$(SITE",
		"a/$(SITE)/$(open":             "a/cern/$(open",
		"$SITE/${SITE}":                "$SITE/${SITE}",
		"$()":                          "",
		"$(NONE:-a:-b)":                "a:-b",
		"invalid \xff and $(SITE)\xfe": "invalid \xff and cern\xfe",
	} {
		t.Run(target, func(t *testing.T) {
			if got := expand(target, environment); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"/a/$(SITE)/b", "$(NONE:-x)", "$(", "$()", "$(a$(b))"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		got := expand(target, environment)
		if !strings.Contains(target, "$(") && got != target {
			t.Errorf("%q has no variable, became %q", target, got)
		}
		// Every variable becomes nothing: what is left is a subsequence of the target.
		rest := target
		for _, c := range []byte(expand(target, func(string) (string, bool) { return "", true })) {
			i := strings.IndexByte(rest, c)
			if i < 0 {
				t.Fatalf("%q gained %q", target, c)
			}
			rest = rest[i+1:]
		}
	})
}
