//go:build linux && (386 || arm || mips || mipsle)

package confine

// allowed is not asked for on these: their system calls are others (arch).
func allowed(bool) []call { return nil }
