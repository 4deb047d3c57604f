//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// play is a service.
func play(role string) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	switch role {
	case "http":
		go func() {
			<-stop
			os.Exit(0)
		}()
		err := http.ListenAndServe("127.0.0.1:"+os.Getenv("CHAOS_PORT"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "well")
		}))
		fmt.Fprintln(os.Stderr, err)
		return 1
	case "crash":
		count(stop, time.Duration(500+os.Getpid()%2500)*time.Millisecond)
		return 3
	case "fork": // leaves a child that has left its session
		child := exec.Command("sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		count(stop, 0)
		return 0
	case "busy": // would take a whole core
		go func() {
			//lint:ignore SA5002 that is what it is for
			for {
			}
		}()
		count(stop, 0)
		return 0
	default:
		count(stop, 0)
		return 0
	}
}

// count prints numbered lines, each with one write, until it is told to stop or its time is over.
func count(stop <-chan os.Signal, life time.Duration) {
	began := time.Now()
	for n := 1; ; n++ {
		fmt.Printf("%d-%d %d\n", os.Getpid(), began.UnixNano(), n)
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if life > 0 && time.Since(began) > life {
			return
		}
	}
}
