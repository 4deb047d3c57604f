// A server that takes a socket that was opened for it, by systemd's convention, and finishes what it began when asked to end.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
)

func main() {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		fmt.Fprintln(os.Stderr, "no socket")
		os.Exit(1)
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "go", os.Getpid())
	})}
	var open sync.WaitGroup
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Done()
		}
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT)
	if fd, err := strconv.Atoi(os.Getenv("NODE_CHANNEL_FD")); err == nil {
		syscall.Write(fd, []byte("\"ready\"\n"))
	}
	served := make(chan struct{})
	go func() {
		server.Serve(l)
		close(served)
	}()
	<-asked
	// Not Shutdown: it drops requests that are read once it has begun, of connections that were accepted before.
	l.Close()
	<-served
	server.SetKeepAlivesEnabled(false)
	open.Wait()
}
