package source

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// variants are those of an architecture, the most capable first. podman knows
// no others: of an index that has linux/amd64/v2 before linux/amd64 it takes
// the latter.
var variants = map[string][]string{
	"arm":   {"v8", "v7", "v6", "v5"},
	"arm64": {"v8"},
}

// parsePlatform gives the platforms that will do, the best first: what podman
// tries, so that the image is the one that a pull takes.
func parsePlatform(s string) ([]v1.Platform, error) {
	if s == "" {
		return compatible(v1.Platform{OS: "linux", Architecture: runtime.GOARCH, Variant: cpuVariant()}), nil
	}
	p, err := v1.ParsePlatform(s)
	if err != nil {
		return nil, fmt.Errorf("parsing platform %q: %w", s, err)
	}
	if p.OS == "" || p.Architecture == "" {
		return nil, fmt.Errorf("parsing platform %q: want os/arch or os/arch/variant", s)
	}
	return compatible(*p), nil
}

func compatible(p v1.Platform) []v1.Platform {
	all := variants[p.Architecture]
	wanted := append([]string{""}, all...)
	if p.Variant != "" {
		wanted = []string{p.Variant, ""}
		if i := slices.Index(all, p.Variant); i >= 0 {
			wanted = append(slices.Clone(all[i:]), "")
		}
	}
	var out []v1.Platform
	for _, variant := range wanted {
		out = append(out, v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: variant})
	}
	return out
}

// rank is the place of a platform among those that will do, -1 for none.
func rank(p v1.Platform, wanted []v1.Platform) int {
	return slices.IndexFunc(wanted, func(w v1.Platform) bool {
		return p.OS == w.OS && p.Architecture == w.Architecture && p.Variant == w.Variant
	})
}

// cpuVariant is what an ARM machine calls its architecture in /proc/cpuinfo.
func cpuVariant() string {
	if runtime.GOARCH != "arm" && runtime.GOARCH != "arm64" {
		return ""
	}
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	return armVariant(string(data))
}

func armVariant(cpuinfo string) string {
	for _, line := range strings.Split(cpuinfo, "\n") {
		key, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(strings.TrimSpace(key), "cpu architecture") {
			continue
		}
		switch value := strings.ToLower(strings.TrimSpace(value)); {
		case value == "aarch64":
			return "v8"
		case strings.HasPrefix(value, "?("): // 12 to 17 are variants of 7
			return "v7"
		case value != "" && value[0] >= '3' && value[0] <= '8':
			return "v" + value[:1]
		}
		break
	}
	return ""
}
