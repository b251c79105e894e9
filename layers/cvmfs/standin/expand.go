package standin

import "strings"

// expand replaces $(VAR) and $(VAR:-default) in a symlink's target as the
// client does. A variable that is not set and has no default becomes nothing;
// what is not closed stays as it is.
func expand(target string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(target, "$(")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		expression, after, closed := strings.Cut(rest, ")")
		if !closed {
			b.WriteString("$(" + rest)
			return b.String()
		}
		name, fallback, _ := strings.Cut(expression, ":-")
		if value, set := lookup(name); set {
			b.WriteString(value)
		} else {
			b.WriteString(fallback)
		}
		target = after
	}
}
