package userns

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	var last [3]uint32
	lines := 0
	err := parse(strings.NewReader("         0      64101          1\n         1 1000000000      65536\n"), func(inside, outside, size uint32) {
		lines, last = lines+1, [3]uint32{inside, outside, size}
	})
	if want := [3]uint32{1, 1000000000, 65536}; err != nil || lines != 2 || last != want {
		t.Errorf("got %d lines, the last %v, %v", lines, last, err)
	}
	for _, bad := range []string{"0 0\n", "a b c\n", "0 0 4294967296\n", "-1 0 1\n"} {
		if err := parse(strings.NewReader(bad), func(_, _, _ uint32) {}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Whatever the namespace is, it maps the account that asks.
func TestSelf(t *testing.T) {
	if mapped, err := Maps(0); err != nil || !mapped {
		t.Skipf("no root in this namespace: %v", err)
	}
	initial, err := Initial()
	if err != nil {
		t.Fatal(err)
	}
	if mapped, err := Maps(1<<32 - 2); err != nil || mapped != initial {
		t.Errorf("initial %v, but the last id is mapped: %v, %v", initial, mapped, err)
	}
}
