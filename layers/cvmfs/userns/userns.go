// Package userns says what the user namespace of this process is like
// (user_namespaces(7)).
package userns

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// Mapping is the file that lists which user ids a process's namespace maps.
const mapping = "/proc/self/uid_map"

// Initial says whether this is the initial user namespace, where every id is mapped.
func Initial() (bool, error) {
	initial := false
	err := ranges(func(inside, outside, size uint32) {
		initial = inside == 0 && outside == 0 && size == 1<<32-1
	})
	return initial, err
}

// Maps says whether an id is mapped.
func Maps(id uint32) (bool, error) {
	mapped := false
	err := ranges(func(inside, _, size uint32) {
		mapped = mapped || id >= inside && id-inside < size
	})
	return mapped, err
}

func ranges(each func(inside, outside, size uint32)) error {
	f, err := os.Open(mapping)
	if err != nil {
		return fmt.Errorf("reading the user namespace's mapping: %w", err)
	}
	defer f.Close()
	return parse(f, each)
}

func parse(r io.Reader, each func(inside, outside, size uint32)) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var inside, outside, size uint32
		if _, err := fmt.Sscan(lines.Text(), &inside, &outside, &size); err != nil {
			return fmt.Errorf("reading the user namespace's mapping %q: %w", lines.Text(), err)
		}
		each(inside, outside, size)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the user namespace's mapping: %w", err)
	}
	return nil
}
