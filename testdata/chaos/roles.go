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
	case "flood": // a burst of lines each time
		count(stop, 0, 50)
		return 0
	default: // count, cron
		count(stop, 0)
		return 0
	}
}

// clusterScript is a service of several Node workers that share a port. One that is asked to leave answers what it has begun.
const clusterScript = `require("http").createServer((_, res) => res.end("well\n")).listen(+process.env.CHAOS_PORT, "127.0.0.1")
`

// count prints numbered lines, each with one write, until it is told to stop or its time is over: one at a time, or so many.
func count(stop <-chan os.Signal, life time.Duration, burst ...int) {
	began, most := time.Now(), 1
	if len(burst) > 0 {
		most = burst[0]
	}
	for n := 1; ; n++ {
		fmt.Printf("%d-%d %d\n", os.Getpid(), began.UnixNano(), n)
		if n%most != 0 {
			continue
		}
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
