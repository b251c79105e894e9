package main

import (
	"strconv"
	"strings"
)

// parseMounts reads mountinfo (proc(5)): the mount points below root, as paths
// of the tree at root.
func parseMounts(info []byte, root string) mountTable {
	mounts := mountTable{}
	for _, line := range strings.Split(string(info), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape(fields[4])
		if root != "/" {
			below := strings.TrimPrefix(point, root+"/")
			if below == point {
				continue
			}
			point = "/" + below
		}
		mounts[point] = true
	}
	return mounts
}

// unescape undoes the kernel's octal escapes of space, tab, newline, backslash.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if value, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(value))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
