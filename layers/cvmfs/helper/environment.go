package helper

import (
	"os"
	"path/filepath"
)

// credentials are where CVMFS's helper for secured repositories looks for the
// credentials of the process that reads: it finds that process's environment in
// /proc, as root (cvmfs-x509-helper, src/helper_utils.cc). BEARER_TOKEN,
// BEARER_TOKEN_FILE and XDG_RUNTIME_DIR, in which the file bt_u<uid> is, are the
// steps of WLCG Bearer Token Discovery.
var credentials = []struct {
	name string
	path bool
}{
	{"X509_USER_PROXY", true},
	{"BEARER_TOKEN", false},
	{"BEARER_TOKEN_FILE", true},
	{"XDG_RUNTIME_DIR", true},
}

// Environment is what a process that reads repositories has of this one's
// environment: where credentials for secured repositories are, and no more. Paths
// are absolute, since the process has another directory. It is never nil, which to
// package os/exec is all of the environment.
func Environment() []string {
	environment := []string{}
	for _, variable := range credentials {
		value := os.Getenv(variable.name)
		if value == "" {
			continue
		}
		if variable.path {
			if path, err := filepath.Abs(value); err == nil {
				value = path
			}
		}
		environment = append(environment, variable.name+"="+value)
	}
	return environment
}
