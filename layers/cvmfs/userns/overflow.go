package userns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Overflow gives the ids that a user and a group show as which the user namespace does
// not map (overflowuid and overflowgid in proc(5)).
func Overflow() (uid, gid uint32, err error) {
	for name, id := range map[string]*uint32{"overflowuid": &uid, "overflowgid": &gid} {
		text, err := os.ReadFile("/proc/sys/kernel/" + name)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the overflow id: %w", err)
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the overflow id %s: %w", name, err)
		}
		*id = uint32(n)
	}
	return uid, gid, nil
}
