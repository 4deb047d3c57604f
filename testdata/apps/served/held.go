// A server that takes a socket that was opened for it, by systemd's convention, and finishes what it began when asked to end.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
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
	l.Close()
	<-served // what was accepted last is known to the server now, or Shutdown would not wait for it
	server.Shutdown(context.Background())
}
