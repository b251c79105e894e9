package server

import (
	"runtime"
	"sync"

	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/beneath"
)

// maxCalls bounds the system calls on layers that are under way at a time: each that
// a repository keeps waiting holds a thread. More wait in line, as they would for the
// client of the repository.
const maxCalls = 16

// spareThreads are those of the Go runtime: its monitor, and one that starts others.
const spareThreads = 4

var calls = make(chan struct{}, maxCalls)

// call makes a system call on a layer, and repeats it if it was interrupted, but not
// for ever. What it calls must not call call.
func call(f func() error) error {
	calls <- struct{}{}
	defer func() { <-calls }()
	_, err := beneath.Retry(func() (int, error) { return 0, f() })
	return err
}

// startThreads starts all threads that the process will ever need: as many as there
// may be calls under way, readers of the connection, and threads that run Go code. The
// Go runtime keeps threads. It ends a program for which it cannot start one, as when a
// container has used up the processes of its user: that must not happen to a server
// on which a container depends.
func startThreads() {
	procs := runtime.GOMAXPROCS(0)
	readers := max(procs, 2) + 1 // of go-fuse
	n := maxCalls + readers + procs + spareThreads
	ready, done := make(chan struct{}, n), make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread() // a goroutine that waits with its thread takes a thread
			defer runtime.UnlockOSThread()
			ready <- struct{}{}
			<-done
		}()
	}
	for range n {
		<-ready
	}
	close(done)
	all.Wait()
}
