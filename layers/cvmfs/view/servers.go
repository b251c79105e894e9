//go:build linux

package view

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Server is a process that serves a view, as it is noted for other processes.
type Server struct {
	PID   int
	start string // when it was started, as proc_pid_stat(5) tells: its PID may be another's by now
}

// state gives the state of a process and when it was started, as proc_pid_stat(5)
// tells; both are "" if there is none.
func state(pid int) (state, start string) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", ""
	}
	// The name, in brackets, may hold whatever a process chooses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return "", ""
	}
	return fields[0], fields[19]
}

// Stopped says whether the process was stopped by a signal, and answers nothing.
func (s Server) Stopped() bool {
	is, start := state(s.PID)
	return start == s.start && (is == "T" || is == "t")
}

// NoteServers writes down which processes serve the views beneath a mount.
func NoteServers(file string, pids []int) error {
	var text strings.Builder
	for _, pid := range pids {
		if _, start := state(pid); start != "" {
			fmt.Fprintf(&text, "%d %s\n", pid, start)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("noting the servers of views: %w", err)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("noting the servers of views: %w", err)
	}
	return nil
}

// NotedServers gives those that were written down and still run.
func NotedServers(file string) []Server {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var servers []Server
	for _, line := range strings.Split(string(text), "\n") {
		var s Server
		if n, _ := fmt.Sscanf(line, "%d %s", &s.PID, &s.start); n != 2 {
			continue
		}
		if is, start := state(s.PID); start == s.start && is != "Z" {
			servers = append(servers, s)
		}
	}
	return servers
}
