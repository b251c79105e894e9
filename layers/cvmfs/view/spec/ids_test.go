package spec

import (
	"slices"
	"testing"
)

// keepID is what --userns=keep-id makes of 70,000 ids for uid 1000.
var keepID = []Range{{0, 1, 1000}, {1000, 0, 1}, {1001, 1001, 69000}}

func TestShift(t *testing.T) {
	for _, c := range []struct{ id, want uint32 }{{0, 1}, {999, 1000}, {1000, 0}, {1001, 1001}, {70000, 70000}} {
		if got, ok := Shift(keepID, c.id); !ok || got != c.want {
			t.Errorf("%d is shown as %d, %v, want %d", c.id, got, ok, c.want)
		}
	}
	for _, id := range []uint32{70001, 1<<32 - 1} {
		if got, ok := Shift(keepID, id); ok {
			t.Errorf("%d is shown as %d, want none", id, got)
		}
	}
}

func TestThrough(t *testing.T) {
	all := []Range{{0, 0, 1<<32 - 1}}
	for _, c := range []struct {
		name                string
		first, second, want []Range
	}{
		{"all ids as they are, then a map", all, keepID, keepID},
		{"a map, then all ids as they are", keepID, all, keepID},
		{"shifted, then shifted back", []Range{{100, 0, 10}}, []Range{{0, 100, 10}}, []Range{{100, 100, 10}}},
		{"cut on both sides", []Range{{100, 5, 10}}, []Range{{0, 50, 8}, {12, 90, 100}}, []Range{{100, 55, 3}, {107, 90, 3}}},
		{"nothing in common", []Range{{0, 0, 10}}, []Range{{10, 0, 10}}, nil},
		{"up to the last id", []Range{{0, 1<<32 - 2, 2}}, all, []Range{{0, 1<<32 - 2, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Through(c.first, c.second); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
