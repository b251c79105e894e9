package source

import "testing"

func TestARMVariant(t *testing.T) {
	for cpuinfo, want := range map[string]string{
		"processor\t: 0\nCPU architecture: 8\nCPU variant\t: 0x0\n": "v8",
		"CPU architecture: AArch64":                                 "v8",
		"CPU architecture: 7M":                                      "v7",
		"CPU architecture: ?(14)":                                   "v7",
		"CPU architecture: 6TEJ":                                    "v6",
		"CPU architecture: 9":                                       "",
		"CPU architecture:":                                         "",
		"processor : 0":                                             "",
	} {
		if got := armVariant(cpuinfo); got != want {
			t.Errorf("%q: variant %q, want %q", cpuinfo, got, want)
		}
	}
}
