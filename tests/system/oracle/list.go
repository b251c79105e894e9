package main

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// dirent is a name as its directory lists it.
type dirent struct {
	name  string
	kind  uint8 // DT_…
	inode uint64
}

// listDir reads an open directory to its end. It reads what getdents64 gives,
// since libraries leave out what they think cannot be.
func listDir(fd int, buf []byte) ([]dirent, []fault) {
	var list []dirent
	var faults []fault
	dots := map[string]int{}
	for {
		n, err := retry(func() (int, error) { return unix.Getdents(fd, buf) })
		if err != nil {
			return list, append(faults, failure("readdir", err))
		}
		if n == 0 {
			return list, faults
		}
		for rest := buf[:n]; len(rest) > 0; {
			entry, length := parseDirent(rest)
			if length == 0 {
				return list, append(faults, fault{"readdir", "malformed"})
			}
			rest = rest[length:]
			switch {
			case entry.name == "." || entry.name == "..":
				if dots[entry.name]++; dots[entry.name] == 2 {
					faults = append(faults, fault{"readdir", "listed twice: " + entry.name})
				}
			case entry.name == "" || bytes.IndexByte([]byte(entry.name), '/') >= 0:
				faults = append(faults, fault{"readdir", "no name: " + quote(entry.name)})
			default:
				list = append(list, entry)
			}
		}
	}
}

// parseDirent reads one struct linux_dirent64: inode number, offset, length of
// the whole, type, name ended by a null.
func parseDirent(b []byte) (dirent, int) {
	const nameAt = 19
	if len(b) < nameAt {
		return dirent{}, 0
	}
	length := int(binary.NativeEndian.Uint16(b[16:]))
	if length < nameAt || length > len(b) {
		return dirent{}, 0
	}
	end := bytes.IndexByte(b[nameAt:length], 0)
	if end < 0 {
		return dirent{}, 0
	}
	return dirent{name: string(b[nameAt : nameAt+end]), kind: b[18], inode: binary.NativeEndian.Uint64(b)}, length
}

// contradictions are what the listing says of a name and looking it up denies.
// Programs that walk trees believe the type, and skip a name without a number.
func contradictions(listed []dirent, kind uint8) []fault {
	var faults []fault
	for _, entry := range listed {
		if entry.kind != unix.DT_UNKNOWN && entry.kind != kind {
			faults = append(faults, fault{"readdir", "listed as " + direntName(entry.kind)})
		}
		if entry.inode == 0 {
			faults = append(faults, fault{"readdir", "no inode number"})
		}
	}
	return faults
}

func direntName(kind uint8) string {
	if name := kindOf(uint32(kind) << 12); name != "" { // DT_… is the mode's type, shifted
		return name
	}
	return "an unknown type"
}
