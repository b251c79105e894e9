package standin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Commands describes what Do understands.
const Commands = `counters                      print the requests since the start or the last reset, as JSON
reset                         set all counters to zero
revision                      publish what the tree holds now as a new revision
remove PATH                   publish a revision without PATH (relative to the tree)
restore PATH                  publish PATH again: same files, another catalogue hash
rollback PATH                 go back to a revision that had PATH: same catalogue hash
drop                          drop the kernel's caches of names, attributes and pages
delay DURATION [OP [PREFIX]]  hold each request for DURATION (such as 300ms)
fault ERRNO [OP [PREFIX]]     fail requests with ERRNO (such as EIO)
hang [OP [PREFIX]]            answer no request, until unhang or clear
unhang                        answer what hangs
clear                         end all faults
die                           end the server at once, without unmounting

Of OP and PREFIX: requests of one kind only, at or beneath PREFIX only.
OP is one of lookup, getattr, readlink, open, read, opendir, readdir, getxattr, listxattr, statfs, all.`

// Do carries out one control command and gives what it prints.
func (s *Server) Do(args []string) (string, error) {
	if len(args) == 0 {
		return "", errors.New("no command")
	}
	verb, args := args[0], args[1:]
	limits, known := map[string][2]int{
		"counters": {}, "reset": {}, "revision": {}, "drop": {}, "hang": {0, 2}, "unhang": {}, "clear": {}, "die": {},
		"remove": {1, 1}, "restore": {1, 1}, "rollback": {1, 1}, "delay": {1, 3}, "fault": {1, 3},
	}[verb]
	if !known {
		return "", fmt.Errorf("unknown command %q", verb)
	}
	if len(args) < limits[0] || len(args) > limits[1] {
		return "", fmt.Errorf("%s: %d arguments", verb, len(args))
	}
	switch verb {
	case "counters":
		return s.counters.json()
	case "reset":
		s.counters.reset()
	case "revision":
		n, err := s.NextRevision()
		if err != nil {
			return "", err
		}
		return strconv.FormatUint(n, 10), nil
	case "remove":
		return "", s.Remove(args[0])
	case "restore":
		return "", s.Restore(args[0])
	case "rollback":
		return "", s.Rollback(args[0])
	case "drop":
		return "", s.DropCaches()
	case "delay":
		return "", s.doDelay(args)
	case "fault":
		return "", s.doFault(args)
	case "hang":
		which, err := parseRequests(args)
		if err != nil {
			return "", err
		}
		s.faults.hang(which)
	case "unhang":
		s.faults.unhang()
	case "clear":
		s.faults.clear()
	case "die":
		s.opts.Die()
	}
	return "", nil
}

func (s *Server) doDelay(args []string) error {
	how, err := time.ParseDuration(args[0])
	if err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	if how < 0 {
		return fmt.Errorf("delay: %q is negative", args[0])
	}
	which, err := parseRequests(args[1:])
	if err != nil {
		return err
	}
	s.faults.addDelay(delay{which, how})
	return nil
}

func (s *Server) doFault(args []string) error {
	errno, err := parseErrno(args[0])
	if err != nil {
		return err
	}
	which, err := parseRequests(args[1:])
	if err != nil {
		return err
	}
	s.faults.addFault(fault{which, errno})
	return nil
}

func parseRequests(args []string) (requests, error) {
	all := requests{op: opAll}
	if len(args) > 1 {
		all.prefix = strings.Trim(args[1], "/")
	}
	if len(args) == 0 {
		return all, nil
	}
	for _, op := range operations {
		if args[0] == string(op) {
			return requests{op, all.prefix}, nil
		}
	}
	return all, fmt.Errorf("unknown operation %q", args[0])
}

func parseErrno(name string) (unix.Errno, error) {
	for errno := unix.Errno(1); errno < 134; errno++ { // EHWPOISON is the last
		if unix.ErrnoName(errno) == name {
			return errno, nil
		}
	}
	return 0, fmt.Errorf("unknown error name %q", name)
}
