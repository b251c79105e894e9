package main

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Paths are absolute, the root of the tree being "/". In records, and wherever
// they are kept, they are quoted: JSON holds no bytes that are not UTF-8.

// quote escapes a backslash, control characters and bytes that are not UTF-8,
// a byte each, as \xNN. Different strings stay different, and a slash is a
// slash.
func quote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r < ' ' || r == 0x7f || r == '\\' || r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// unquote undoes quote, and takes nothing that quote would not write.
func unquote(quoted string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			b.WriteByte(quoted[i])
			continue
		}
		if i+4 > len(quoted) || quoted[i+1] != 'x' {
			return "", fmt.Errorf("bad escape in %q", quoted)
		}
		value, err := strconv.ParseUint(quoted[i+2:i+4], 16, 8)
		if err != nil {
			return "", fmt.Errorf("bad escape in %q", quoted)
		}
		b.WriteByte(byte(value))
		i += 3
	}
	if quote(b.String()) != quoted {
		return "", fmt.Errorf("%q is not quoted", quoted)
	}
	return b.String(), nil
}

// clean makes a tar's name, such as ./a/ or a, a path.
func clean(name string) string { return path.Clean("/" + name) }

// before is the order of a walk that takes each directory's names in order of
// their bytes: a slash comes before all else.
func before(a, b string) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '/' || b[i] == '/' {
			return a[i] == '/'
		}
		return a[i] < b[i]
	}
	return len(a) < len(b)
}

// parent of a path, quoted or not; that of the root is the root.
func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}

// covers says if the set holds path or a directory above it.
func (p paths) covers(path string) bool {
	for ; path != "/"; path = parent(path) {
		if p[path] {
			return true
		}
	}
	return false
}
