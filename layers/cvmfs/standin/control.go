package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// The control protocol: one connection per command. The client writes a JSON
// array of strings and closes its side; the server writes one answer.
type answer struct {
	Output string `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Listen takes control commands on a Unix socket until the returned function
// is called. Only the server's own account may connect.
func (s *Server) Listen(socket string) (stop func() error, err error) {
	listener, err := net.Listen("unix", socket)
	if errors.Is(err, unix.EADDRINUSE) && abandoned(socket) {
		if err := os.Remove(socket); err != nil {
			return nil, fmt.Errorf("removing abandoned socket: %w", err)
		}
		listener, err = net.Listen("unix", socket)
	}
	if err != nil {
		return nil, fmt.Errorf("listening for control commands: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go s.serveControl(conn)
		}
	}()
	return listener.Close, nil
}

// abandoned reports whether nobody listens on a socket: its server died.
func abandoned(socket string) bool {
	conn, err := net.Dial("unix", socket)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, unix.ECONNREFUSED)
}

func (s *Server) serveControl(conn net.Conn) {
	defer conn.Close()
	var args []string
	var out answer
	if err := json.NewDecoder(io.LimitReader(conn, 1<<16)).Decode(&args); err != nil {
		out.Error = fmt.Sprintf("reading command: %v", err)
	} else if output, err := s.Do(args); err != nil {
		out.Error = err.Error()
	} else {
		out.Output = output
	}
	// A client that has gone does not want the answer.
	_ = json.NewEncoder(conn).Encode(out)
}

// Control sends one command to the server that listens on socket and gives
// what it printed. "die" is answered by the end of the connection.
func Control(socket string, args []string) (string, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", fmt.Errorf("connecting to the stand-in: %w", err)
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(args); err != nil {
		return "", fmt.Errorf("sending command: %w", err)
	}
	var in answer
	err = json.NewDecoder(conn).Decode(&in)
	if len(args) == 1 && args[0] == "die" && (errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET)) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading answer: %w", err)
	}
	if in.Error != "" {
		return "", errors.New(in.Error)
	}
	return in.Output, nil
}
