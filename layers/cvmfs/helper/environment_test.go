package helper

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Credentials pass, nothing else does.
func TestEnvironment(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		variables map[string]string
		want      []string
	}{
		{"none", nil, []string{}},
		{"others", map[string]string{"HOME": "/root", "GODEBUG": "x=1", "LD_PRELOAD": "/x", "BEARER_TOKEN_OTHER": "x", "MY_X509_USER_PROXY": "x"}, []string{}},
		{"empty", map[string]string{"X509_USER_PROXY": "", "BEARER_TOKEN": ""}, []string{}},
		{
			"all",
			map[string]string{"X509_USER_PROXY": "/job/proxy", "BEARER_TOKEN": "a=b c", "BEARER_TOKEN_FILE": "/job/token", "XDG_RUNTIME_DIR": "/run/user/1"},
			[]string{"X509_USER_PROXY=/job/proxy", "BEARER_TOKEN=a=b c", "BEARER_TOKEN_FILE=/job/token", "XDG_RUNTIME_DIR=/run/user/1"},
		},
		{
			"relative",
			map[string]string{"X509_USER_PROXY": "proxy", "BEARER_TOKEN": "token", "BEARER_TOKEN_FILE": "./token"},
			[]string{"X509_USER_PROXY=" + filepath.Join(here, "proxy"), "BEARER_TOKEN=token", "BEARER_TOKEN_FILE=" + filepath.Join(here, "token")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, variable := range credentials {
				t.Setenv(variable.name, "")
			}
			for name, value := range tc.variables {
				t.Setenv(name, value)
			}
			if got := Environment(); got == nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %#v, want %q", got, tc.want)
			}
		})
	}
}
