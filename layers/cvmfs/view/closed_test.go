package view

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/view/spec"
)

// closedEntries are what TestRootless adds to its lowest layer, with modes: closed
// and open files of every kind of use. None of the closed ones can be read there.
var closedEntries = map[string]struct {
	entry string
	mode  uint32
}{
	"shut/0600":   {"echo ran", 0o600},
	"shut/0640":   {"echo ran", 0o640},
	"shut/0700":   {"#!/bin/sh\necho ran", 0o700},
	"shut/0000":   {"echo ran", 0},
	"shut/0111":   {"#!/bin/sh\necho ran", 0o111},
	"shut/0711":   {"#!/bin/sh\necho ran", 0o711},
	"shut/4711":   {"#!/bin/sh\necho ran", 0o4711},
	"shut/0622":   {"echo ran", 0o622},
	"open/0604":   {"echo ran", 0o604},
	"open/0755":   {"#!/bin/sh\necho ran", 0o755},
	"open/empty":  {"", 0o600},
	"open/lock":   {"", 0o000},
	"open/target": {"text", 0o644},
}

// checkClosed runs programs on files that the repository keeps from the user: whatever
// reads them must fail before it has read, and so must not take them for empty.
func checkClosed(t *testing.T, run []spec.Layer) {
	for name, f := range closedEntries {
		if !strings.HasPrefix(name, "shut/") {
			continue
		}
		root := overlay(t, stack(t, spec.Spec{Layers: run}))
		refuses := func(what, script string) {
			t.Helper()
			program, _, _ := strings.Cut(script, " ")
			if _, err := exec.LookPath(program); err != nil {
				t.Logf("no %s here", program)
				return
			}
			// Refused at open: after that, no script goes on, and none says that all is well.
			out, err := inDir(root, script)
			if err == nil || !strings.Contains(strings.ToLower(out), "permission denied") || strings.Contains(out, "ran") {
				t.Errorf("%s of %s: %v: %s", what, name, err, out)
			}
		}
		refuses("open", "cat "+name)
		refuses("open once more", "cat "+name)
		refuses("dash", "dash ./"+name)
		refuses("dash's .", "dash -c '. ./"+name+"'")
		refuses("busybox sh", "busybox sh ./"+name)
		refuses("perl", `perl -e 'open(F, "<", "`+name+`") or die "$!"; print <F>'`)
		refuses("mapfile", "bash -c 'mapfile a <"+name+"'")
		refuses("read", "bash -c 'while read -r line; do echo $line; done <"+name+"'")
		refuses("append", "bash -c 'echo more >>"+name+"'")
		refuses("overwriting", "bash -c 'echo more >"+name+"'")
		refuses("exec", "bash -c ./"+name)
		refuses("copying", "cp "+name+" copy")
		for _, change := range []string{"chmod 644", "chown 1:1", "mv -t /tmp", "touch -c"} {
			if out, err := inDir(root, change+" "+name); err == nil {
				t.Errorf("%s %s: %v: %s", change, name, err, out)
			}
		}
		if out, err := inDir(root, `test "$(stat -c '%a %s %F' `+name+`)" = "`+fmt.Sprintf("%o %d", f.mode&^0o6000, len(f.entry))+` regular file"`); err != nil {
			t.Errorf("the metadata of %s: %v %s", name, err, out)
		}
	}
	for _, tc := range []struct{ name, script string }{
		{"open", "test \"$(cat open/0604)\" = 'echo ran'; test $(sh open/0604) = ran; test $(open/0755) = ran"},
		{"empty", "test -z \"$(cat open/empty)\"; echo x >>open/empty; chmod 640 open/lock; test $(cat open/empty) = x"},
		{"remove first", "rm shut/0600; ! test -e shut/0600; echo new >shut/0600; test $(cat shut/0600) = new"},
		{"remove after a look", "ls -l shut >/dev/null; stat shut/0600 >/dev/null; rm shut/0600; ! test -e shut/0600"},
		{"remove after it was refused", "! cat shut/0600 2>/dev/null; ! sh shut/0600 2>/dev/null; rm shut/0600; ! test -e shut/0600"},
		{"replace", "! cat shut/0640 2>/dev/null; mv open/target shut/0640; test $(cat shut/0640) = text"},
		{"replace by a copy", "cp --remove-destination open/target shut/0640; test $(cat shut/0640) = text"},
		{"remove all", "ls -lR . >/dev/null; find shut -type f -exec grep -q x {} + 2>/dev/null || true; rm -r shut open; ! test -e shut"},
		{"an archive of the rest", "! tar -cf all.tar shut open 2>/dev/null; tar -tf all.tar | grep -qx open/0755"},
	} {
		root := overlay(t, stack(t, spec.Spec{Layers: run}))
		if out, err := inDir(root, "set -e; "+tc.script); err != nil {
			t.Errorf("%s: %v: %s", tc.name, err, out)
		}
	}
}

func inDir(dir, script string) (string, error) {
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
