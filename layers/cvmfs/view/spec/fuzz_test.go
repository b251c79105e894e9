package spec

import "testing"

// Ranges come from id maps of any kind. What two of them do one after the other
// is what both do together, and no id comes out of a range that it is not in.
func FuzzThrough(f *testing.F) {
	f.Add(uint32(0), uint32(100000), uint32(65536), uint32(100000), uint32(0), uint32(65536), uint32(5))
	f.Add(uint32(1<<32-2), uint32(1<<32-2), uint32(9), uint32(0), uint32(1<<32-1), uint32(1<<32-1), uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, from1, to1, size1, from2, to2, size2, id uint32) {
		first, second := []Range{{from1, to1, size1}}, []Range{{from2, to2, size2}}
		want, ok := Shift(first, id)
		if ok && (id < from1 || uint64(id) >= uint64(from1)+uint64(size1)) {
			t.Errorf("%d is shown by %v", id, first)
		}
		if uint64(to1)+uint64(size1) > 1<<32 || uint64(from1)+uint64(size1) > 1<<32 || uint64(to2)+uint64(size2) > 1<<32 {
			return // beyond the last id: no kernel takes such a map
		}
		if ok {
			want, ok = Shift(second, want)
		}
		if got, ok2 := Shift(Through(first, second), id); ok2 != ok || ok && got != want {
			t.Errorf("%d becomes %d, %v, want %d, %v", id, got, ok2, want, ok)
		}
	})
}
