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
	"sync/atomic"
	"syscall"
	"time"
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
	var ending atomic.Bool
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if ending.Load() {
			w.Header().Set("Connection", "close")
		}
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
	// Connections that are kept may bring one more request: who closed them at once would lose one that is on its way.
	ending.Store(true)
	time.AfterFunc(time.Second, func() { server.SetKeepAlivesEnabled(false) })
	open.Wait()
}
