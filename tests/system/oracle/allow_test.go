package main

import "testing"

func TestClosed(t *testing.T) {
	tests := []struct {
		kind, mode string
		want       bool
	}{
		{kindFile, "0644", false},
		{kindFile, "0640", true},
		{kindFile, "0641", true}, // running it reads it
		{kindFile, "4755", false},
		{kindFile, "0000", true},
		{kindDir, "0755", false},
		{kindDir, "1777", false},
		{kindDir, "0700", true},
		{kindDir, "0711", true},
		{kindDir, "0744", true},
		{kindDir, "0005", false},
		{kindSymlink, "0700", false},
		{kindFifo, "0600", false},
		{kindChar, "0600", false},
		{kindGhost, "", false},
	}
	for _, test := range tests {
		t.Run(test.kind+" "+test.mode, func(t *testing.T) {
			if got := (&entry{Type: test.kind, Mode: test.mode}).closed(); got != test.want {
				t.Errorf("closed: %v", got)
			}
		})
	}
}
