//go:build linux && seccomp
// +build linux,seccomp

package seccomp

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// intArguments is the arguments that rules of profiles compare and that the
// kernel reads as an int. A filter gets all 64 bits of the register: for it,
// 1<<32|AF_VSOCK is not AF_VSOCK, and for the kernel it is.
var intArguments = map[string][]uint{"socket": {0, 1, 2}}

// beyond is a bound above all numbers that the kernel knows as domains and as
// protocols. What is allowed but for one number ends there, since each rule costs
// each start of a container half a millisecond; above, there is no socket to allow.
var beyond = map[uint]uint64{0: 1 << 8, 2: 1 << 16}

// compareInts makes rules compare the lower 32 bits of such arguments. A filter
// can mask only where it compares for equality, so that other comparisons become
// some rules that each compare a prefix of the number. Of equal rules one stays: the
// runtime compiles them at each start.
func compareInts(rules []specs.LinuxSyscall) []specs.LinuxSyscall {
	out := make([]specs.LinuxSyscall, 0, len(rules))
	seen := map[string]bool{}
	for _, rule := range rules {
		others := []string{}
		for _, name := range rule.Names {
			indices := intArguments[name]
			if indices == nil || len(rule.Args) == 0 {
				others = append(others, name)
				continue
			}
			for _, args := range expand(rule, indices, refused(rules, name)) {
				key := fmt.Sprint(name, rule.Action, rule.ErrnoRet != nil, args)
				if rule.ErrnoRet != nil {
					key += fmt.Sprint(*rule.ErrnoRet)
				}
				if seen[key] {
					continue
				}
				seen[key] = true
				out = append(out, specs.LinuxSyscall{Names: []string{name}, Action: rule.Action, ErrnoRet: rule.ErrnoRet, Args: args})
			}
		}
		if len(others) > 0 {
			rule.Names = others
			out = append(out, rule)
		}
	}
	return out
}

// refused is the values of arguments that other rules refuse. What allows a call
// leaves them out: among rules of which several match, none is first.
func refused(rules []specs.LinuxSyscall, name string) map[uint][]uint32 {
	values := map[uint][]uint32{}
	for _, rule := range rules {
		if rule.Action != specs.ActAllow && len(rule.Args) == 1 && rule.Args[0].Op == specs.OpEqualTo && slices.Contains(rule.Names, name) {
			values[rule.Args[0].Index] = append(values[rule.Args[0].Index], uint32(rule.Args[0].Value))
		}
	}
	return values
}

// expand is the conditions of the rules that stand for one.
func expand(rule specs.LinuxSyscall, indices []uint, refused map[uint][]uint32) [][]specs.LinuxSeccompArg {
	all := [][]specs.LinuxSeccompArg{{}}
	seen := map[uint]bool{}
	for _, arg := range rule.Args {
		if seen[arg.Index] { // conditions for one argument are alternatives
			all = all[:0]
			for _, arg := range rule.Args {
				all = append(all, expand(specs.LinuxSyscall{Action: rule.Action, Args: []specs.LinuxSeccompArg{arg}}, indices, refused)...)
			}
			return all
		}
		seen[arg.Index] = true
		alternatives := []specs.LinuxSeccompArg{arg}
		if slices.Contains(indices, arg.Index) {
			var leave []uint32
			if rule.Action == specs.ActAllow {
				leave = refused[arg.Index]
			}
			alternatives = masked(arg, leave)
			if bound := beyond[arg.Index]; bound > 0 && rule.Action == specs.ActAllow && arg.Op == specs.OpNotEqual {
				alternatives = slices.DeleteFunc(alternatives, func(a specs.LinuxSeccompArg) bool { return a.ValueTwo >= bound })
			}
		}
		product := [][]specs.LinuxSeccompArg{}
		for _, before := range all {
			for _, alternative := range alternatives {
				product = append(product, append(slices.Clone(before), alternative))
			}
		}
		all = product
	}
	return all
}

// masked is the comparisons of 32 bits that together stand for one.
func masked(arg specs.LinuxSeccompArg, leave []uint32) []specs.LinuxSeccompArg {
	type span struct{ first, last uint64 }
	value, spans := arg.Value, []span{}
	if arg.Op == specs.OpEqualTo || arg.Op == specs.OpNotEqual {
		value &= math.MaxUint32 // a negative number may have been written with 64 bits
	}
	switch arg.Op {
	case specs.OpMaskedEqual:
		arg.Value, arg.ValueTwo = arg.Value&math.MaxUint32, arg.ValueTwo&math.MaxUint32
		return []specs.LinuxSeccompArg{arg}
	case specs.OpEqualTo:
		spans = append(spans, span{value, value})
	case specs.OpNotEqual:
		spans = append(spans, span{0, math.MaxUint32})
		leave = append(slices.Clone(leave), uint32(value))
	case specs.OpLessThan:
		if value > 0 {
			spans = append(spans, span{0, smaller(value-1, math.MaxUint32)})
		}
	case specs.OpLessEqual:
		spans = append(spans, span{0, smaller(value, math.MaxUint32)})
	case specs.OpGreaterEqual:
		spans = append(spans, span{value, math.MaxUint32})
	case specs.OpGreaterThan:
		spans = append(spans, span{value + 1, math.MaxUint32})
	default:
		return []specs.LinuxSeccompArg{arg}
	}
	for _, without := range leave {
		left := []span{}
		for _, s := range spans {
			hole := uint64(without)
			if hole < s.first || hole > s.last {
				left = append(left, s)
				continue
			}
			if hole > s.first {
				left = append(left, span{s.first, hole - 1})
			}
			if hole < s.last {
				left = append(left, span{hole + 1, s.last})
			}
		}
		spans = left
	}
	out := []specs.LinuxSeccompArg{}
	for _, s := range spans {
		for s.first <= s.last && s.last <= math.MaxUint32 {
			// The largest block of numbers with one prefix that starts here.
			size := uint64(1) << smaller(uint64(bits.TrailingZeros64(s.first)), 32)
			for s.first+size-1 > s.last {
				size /= 2
			}
			out = append(out, specs.LinuxSeccompArg{Index: arg.Index, Op: specs.OpMaskedEqual, Value: math.MaxUint32 &^ (size - 1), ValueTwo: s.first})
			s.first += size
		}
	}
	return out
}

func smaller(a, b uint64) uint64 {
	if a < b {
		return a
	}
	return b
}
