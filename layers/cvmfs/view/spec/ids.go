package spec

// Range says that the ids from From on, Size of them, are shown as those from
// To on.
type Range struct {
	From uint32 `json:"from"`
	To   uint32 `json:"to"`
	Size uint32 `json:"size"`
}

// Shift gives what an id is shown as. ok is false for one in no range.
func Shift(ranges []Range, id uint32) (shown uint32, ok bool) {
	for _, r := range ranges {
		if id >= r.From && id-r.From < r.Size {
			return r.To + (id - r.From), true
		}
	}
	return 0, false
}

// Through gives the ranges that do what first and then second do. An id that
// either has no range for is in none of them.
func Through(first, second []Range) []Range {
	var both []Range
	for _, a := range first {
		for _, b := range second {
			from := max(a.To, b.From)
			end := min(uint64(a.To)+uint64(a.Size), uint64(b.From)+uint64(b.Size))
			if uint64(from) < end {
				both = append(both, Range{
					From: a.From + (from - a.To),
					To:   b.To + (from - b.From),
					Size: uint32(end - uint64(from)),
				})
			}
		}
	}
	return both
}
