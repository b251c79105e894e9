package cvmfs

import "strconv"

// Printable keeps a name from a repository, which may hold any byte, from
// breaking a line, a table or a terminal: what would is quoted as in Go.
func Printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
